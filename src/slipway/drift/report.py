"""The report of a drift for people: a page that works offline, and the Markdown of the job's summary and of the issue."""

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
COLUMN_HEAD = ("column", "drifted", "stability index", "variation", "transport", "chance", "nulls before", "nulls now",
        "strangers")  # fmt: skip
THRESHOLD_HEAD = ("bar of the gate", "required", "found", "95 % interval", "")
_MAX_BIN_CHARTS = 24
_MAX_CHART_LINES = 6


def write_report(drift: Drift, *, html: Path | None, folder: Path | None) -> None:
    """Write the page, and the folder that `slipway report-drift` takes.

    Raises:
        StorageError: it cannot be written.
    """
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_file(folder / DRIFT_FILE, encode_drift(drift))
    for place in filter(None, (html, folder / PAGE_FILE if folder else None)):
        atomic.write_file(place, render_report(drift).encode())


def read_report(folder: Path) -> Drift:
    """The answer that ``write_report`` left in a folder.

    Raises:
        NotFoundError: there is none.
        DataError: it is malformed.
    """
    path = folder / DRIFT_FILE
    try:
        return decode_drift(path.read_bytes())
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}; `slipway drift --report` leaves it") from None
    except msgspec.DecodeError as error:
        raise DataError(f"{path} is malformed: {error}") from None


def render_report(drift: Drift) -> str:
    """The page: the verdict, every column, and pictures of those that moved furthest."""
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
    """What was compared, and how sure an alarm is."""
    newest = drift.newest_window
    when = f" from {newest.since} to {newest.until}" if newest.since else ""
    return (
        f"{newest.rows:,} rows{when} against the {drift.reference_rows:,} of {drift.reference}. Drift is judged by "
        f"{drift.rule}. A column drifted where chance alone would move any of the columns as far in at most "
        f"{drift.false_alarm_rate:.1%} of such comparisons, and its stability index is at least {drift.minimum_effect:g}."
    )


def render_markdown(drift: Drift) -> str:
    """The verdict, the columns that moved furthest, and the live metric."""
    findings = rank_columns(drift.newest_window.findings)
    parts = [
        f"**{'Drift' if drift.drifted else 'No drift'}** of {drift.model}. {describe_comparison(drift)}",
        table(COLUMN_HEAD, [format_row(finding) for finding in findings[:20]], numeric_columns=len(COLUMN_HEAD) - 2),
    ]
    if drift.live:
        parts.append("\n".join(f"- {' '.join(told)}" for told in threshold_rows(drift.live)))
    return "\n\n".join(parts) + "\n"


def rank_columns(findings: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """The columns that drifted first, then those that are furthest from the reference."""
    return sorted(findings, key=lambda finding: (not finding.drifted, -finding.stability_index))


def format_row(finding: ColumnDrift) -> tuple[str, ...]:
    """A column's numbers as a person reads them."""
    transport = "" if finding.transport is None else f"{finding.transport:.3f}"
    effects = (f"{finding.stability_index:.3f}", f"{finding.total_variation:.3f}", transport, f"{finding.chance:.4f}")
    shares = (f"{finding.nulls_before:.1%}", f"{finding.nulls:.1%}", f"{finding.strangers:.1%}")
    return (finding.column, "yes" if finding.drifted else "", *effects, *shares)


def _key_numbers(drift: Drift) -> Iterator[tuple[str, str, str]]:
    moved, judged = drift.newest_window.drifted_columns, len(drift.newest_window.findings)
    yield "Verdict", "Drift" if drift.drifted else "No drift", drift.rule
    yield "Columns that drifted", f"{len(moved)} of {judged}", ", ".join(moved[:3])
    yield "Rows", f"{drift.rows:,}", f"{drift.newest_window.blocks:,} blocks by {drift.block} in the newest window"
    yield "Break the contract", f"{drift.broken_rows:,}", "rows that the model could not answer"


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
    """The gate's bars that the live metric is held against, as a person reads them."""
    return [
        (
            bound.rule,
            f"{bound.required:g}",
            f"{bound.value:.3f}",
            f"{bound.low:.3f} to {bound.high:.3f}",
            "missed" if bound.broken else "within",
        )
        for bound in live.bounds
    ]
