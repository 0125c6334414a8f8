"""Render the drift report: a self-contained HTML page, and Markdown for the job summary and the issue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from slipway.drift import charts
from slipway.drift.result import ColumnDrift, Drift, LiveMetrics, decode_drift, encode_drift
from slipway.errors import DataError, NotFoundError
from slipway.reporting.html_page import render
from slipway.reporting.markdown import table
from slipway.storage import atomic

DRIFT_FILE, PAGE_FILE = "drift.json", "drift.html"
COLUMN_HEAD = ("column", "drifted", "stability index", "total variation", "Wasserstein", "p-value", "nulls before",
        "nulls now", "unseen")  # fmt: skip
THRESHOLD_HEAD = ("gate rule", "required", "live", "95 % interval", "")
_MAX_BIN_CHARTS = 24
_MAX_CHART_LINES = 6


def write_report(drift: Drift, *, html: Path | None, folder: Path | None) -> None:
    """Write the HTML page, and the folder that `slipway ci report-drift` reads.

    Raises:
        StorageError: a file cannot be written.
    """
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_file(folder / DRIFT_FILE, encode_drift(drift))
    for path in filter(None, (html, folder / PAGE_FILE if folder else None)):
        atomic.write_file(path, render_report(drift).encode())


def read_report(folder: Path) -> Drift:
    """Read the result that ``write_report`` wrote to a folder.

    Raises:
        NotFoundError: the file cannot be read.
        DataError: the file is malformed.
    """
    path = folder / DRIFT_FILE
    try:
        return decode_drift(path.read_bytes())
    except OSError as error:
        raise NotFoundError(
            f"{path} cannot be read: {error.strerror}; `slipway drift CURRENT --report {folder}` writes it"
        ) from None
    except msgspec.DecodeError as error:
        raise DataError(f"{path} is malformed: {error}") from None


def render_report(drift: Drift) -> str:
    """Render the page: the verdict, every column, and charts of the columns that shifted most."""
    findings = rank_columns(drift.newest_window.findings)
    furthest = [finding.column for finding in findings[:_MAX_CHART_LINES]]
    return render(
        __package__,
        "report.html.j2",
        kicker="Drift",
        name=drift.model,
        about=describe_comparison(drift),
        keys=_key_numbers(drift),
        head=COLUMN_HEAD,
        rows=[format_row(finding) for finding in findings],
        windows=_window_rows(drift),
        over_time=charts.window_chart(drift.windows, furthest, drift.minimum_effect),
        live=drift.live,
        bar_head=THRESHOLD_HEAD,
        bars=threshold_rows(drift.live) if drift.live else [],
        pictures=[_bin_figure(finding) for finding in findings[:_MAX_BIN_CHARTS]],
    )


def describe_comparison(drift: Drift) -> str:
    """Describe what was compared, and the false-alarm rate."""
    newest = drift.newest_window
    when = f" from {newest.since} to {newest.until}" if newest.since else ""
    return (
        f"{newest.rows:,} rows{when}, compared with {drift.reference_rows:,} rows of {drift.reference}. "
        f"Rule: {drift.rule}. A column has drifted if its p-value (adjusted for all columns) is at most "
        f"{drift.false_alarm_rate:g} and its stability index is at least {drift.minimum_effect:g}."
    )


def render_markdown(drift: Drift) -> str:
    """Render the verdict, the columns that shifted most, and the live metrics as Markdown."""
    findings = rank_columns(drift.newest_window.findings)
    parts = [
        f"**{'Drift' if drift.drifted else 'No drift'}** of {drift.model}. {describe_comparison(drift)}",
        table(COLUMN_HEAD, [format_row(finding) for finding in findings[:20]], numeric_columns=len(COLUMN_HEAD) - 2),
    ]
    if drift.live:
        parts.append("\n".join(f"- {' '.join(row)}" for row in threshold_rows(drift.live)))
    return "\n\n".join(parts) + "\n"


def rank_columns(findings: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """Sort the columns: drifted ones first, then by distance from the reference."""
    return sorted(findings, key=lambda finding: (not finding.drifted, -finding.stability_index))


def format_row(finding: ColumnDrift) -> tuple[str, ...]:
    """Format the numbers of a column as text, one cell for each name in ``COLUMN_HEAD``."""
    transport = "" if finding.transport is None else f"{finding.transport:.3f}"
    effects = (f"{finding.stability_index:.3f}", f"{finding.total_variation:.3f}", transport, f"{finding.chance:.4f}")
    shares = (f"{finding.nulls_before:.1%}", f"{finding.nulls:.1%}", f"{finding.strangers:.1%}")
    return (finding.column, "yes" if finding.drifted else "", *effects, *shares)


def _key_numbers(drift: Drift) -> Iterator[tuple[str, str, str]]:
    drifted, compared = drift.newest_window.drifted_columns, len(drift.newest_window.findings)
    yield "Verdict", "Drift" if drift.drifted else "No drift", drift.rule
    yield "Drifted columns", f"{len(drifted)} of {compared}", ", ".join(drifted[:3])
    yield "Rows", f"{drift.rows:,}", f"{drift.newest_window.blocks:,} blocks by {drift.block} in the newest window"
    yield "Invalid rows", f"{drift.broken_rows:,}", "rows that break the contract and have no prediction"


def _bin_figure(finding: ColumnDrift) -> tuple[str, str, str]:
    note = f"Blue: the reference. Orange: now. Stability index {finding.stability_index:.3f}."
    return finding.column, charts.bin_chart(finding), note


def _window_rows(drift: Drift) -> list[tuple[str, ...]]:
    if len(drift.windows) < 2:
        return []
    return [
        (w.since, w.until, f"{w.rows:,}", w.unjudged or ", ".join(w.drifted_columns) or "none") for w in drift.windows
    ]


def threshold_rows(live: LiveMetrics) -> list[tuple[str, ...]]:
    """Format the live metrics and the gate's thresholds as text, one cell for each name in ``THRESHOLD_HEAD``."""
    return [
        (
            bound.rule,
            f"{bound.required:g}",
            f"{bound.value:.3f}",
            f"{bound.low:.3f} to {bound.high:.3f}",
            "violated" if bound.broken else "met",
        )
        for bound in live.bounds
    ]
