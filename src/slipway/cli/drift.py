"""`slipway drift` and `report-drift`: compare rows with a reference, and report drift on GitHub."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.github import repository_option
from slipway.cli.options import (
    RenamedOptionsCommand,
    github_champion,
    json_option,
    resolve_bundle,
    retry_on_github,
    settings_option,
    stderr_progress,
)
from slipway.cli.terminal import Row, print_rows
from slipway.errors import DriftError, SettingsError

if TYPE_CHECKING:
    from slipway.drift.detect import DriftRequest
    from slipway.drift.reference import ReferenceSide
    from slipway.drift.result import Drift, LiveMetrics, Window
    from slipway.settings.settings import Settings

_WINDOW_RULE = re.compile(r"(?P<k>[1-9]\d*)/(?P<n>[1-9]\d*)")
_HEADER = ("column", "", "stability index", "total variation", "Wasserstein", "p-value", "nulls", "unseen")


_RENAMED = {"--rule": "--window-rule", "--truth": "--label", "--truth-file": "--labels-file"}


@click.command(cls=RenamedOptionsCommand, renamed=_RENAMED)
@click.argument("places", metavar="[REFERENCE] CURRENT", nargs=-1, required=True)
@click.option("--windows", is_flag=True,
              help="Split CURRENT into time windows; drift means that the newest window and at least drift.k of the last "
                   "drift.n have drifted.")  # fmt: skip
@click.option("--window-rule", metavar="K/N",
              help="Like --windows, with K and N instead of drift.k and drift.n.")  # fmt: skip
@click.option("--label", default="", metavar="COLUMN", help="Column with the actual outcomes (labels).")
@click.option("--labels-file", default="", metavar="FILE",
              help="File with that column, if labels arrive later than the rows.")  # fmt: skip
@click.option("--key", default="request_id", show_default=True, metavar="COLUMN",
              help="Column that both files share, to match labels to rows.")  # fmt: skip
@click.option("--github", is_flag=True, help="Compare with the release that GitHub marks as Latest.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Also write the report as an HTML page.")
@click.option("--report", type=click.Path(path_type=Path), metavar="DIR",
              help="Write to DIR the files that `slipway ci report-drift DIR` reads.")  # fmt: skip
@settings_option
@json_option
def drift(
    places: tuple[str, ...], windows: bool, window_rule: str | None, label: str, labels_file: str, key: str,
    github: bool, html: Path | None, report: Path | None, settings_file: Path, as_json: bool,
) -> None:  # fmt: skip
    """Check new rows for drift against the champion.

    Both the rows and the predictions for them are compared. REFERENCE is a bundle, or files of rows; by default it is
    the champion. CURRENT is files that `slipway batch` can read, a dataset that it wrote, or a folder of the server's
    prediction logs. The exit code is 0 without drift and 21 with drift.

    \b
    Examples:
      slipway drift logs/ --windows
      slipway drift summer.parquet october.parquet --html drift.html
    """
    from slipway.drift.detect import detect
    from slipway.drift.report import write_report
    from slipway.drift.result import encode_drift
    from slipway.settings.settings import load_settings

    settings = load_settings(settings_file)
    *named, current = places
    if len(named) > 1 or (named and github):
        github_too = " and --github" if github else ""
        raise SettingsError(f"expected at most one REFERENCE and one CURRENT, got {', '.join(places)}{github_too}")
    if labels_file and not label:
        raise SettingsError(f"--labels-file {labels_file} needs --label, the name of its label column")
    request = replace(
        _drift_request(settings, current, windows=windows, window_rule=window_rule),
        label=label,
        labels_file=labels_file,
        key=key,
    )
    with stderr_progress.heartbeat("drift") as note, tempfile.TemporaryDirectory(prefix="slipway-reference-") as folder:
        reference = _load_reference(settings, settings_file, named, Path(folder) if github else None)
        result = detect(reference, request, note)
    write_report(result, html=html, folder=report)
    if as_json:
        click.echo(encode_drift(result))
    else:
        _print_drift(result)
    if result.drifted:
        raise DriftError(describe_drift(result))


def describe_drift(result: Drift) -> str:
    """Describe drift in one sentence with the numbers."""
    parts = []
    if drifted := result.newest_window.drifted_columns:
        furthest = next(f for f in result.newest_window.findings if f.column == drifted[0])
        parts.append(
            f"{len(drifted)} of {len(result.newest_window.findings)} columns drifted from {result.reference} "
            f"({result.rule}), most of all '{drifted[0]}' with a stability index of {furthest.stability_index:.2f}"
        )
    parts += [
        f"{bound.rule} requires {bound.required:g}, but the live metric is {bound.value:.3f}"
        for bound in (result.live.bounds if result.live else ())
        if bound.broken
    ]
    return "; ".join(parts)


def _drift_request(settings: Settings, current: str, *, windows: bool, window_rule: str | None) -> DriftRequest:
    from slipway.drift.detect import DriftRequest
    from slipway.drift.windows import Threshold, WindowRule

    wanted = settings.drift
    k, n = wanted.k, wanted.n
    if window_rule:
        match = _WINDOW_RULE.fullmatch(window_rule)
        if match is None or int(match["k"]) > int(match["n"]):
            raise SettingsError(f"--window-rule must be K/N with K at most N, such as 2/3, not '{window_rule}'")
        k, n = int(match["k"]), int(match["n"])
    return DriftRequest(
        current,
        Threshold(wanted.false_alarm_rate, wanted.minimum_effect),
        WindowRule(k, n, wanted.window_days) if windows or window_rule else None,
        wanted.ignore,
        minimum=settings.gate.minimum,
        maximum=settings.gate.maximum,
    )


def _load_reference(
    settings: Settings, settings_file: Path, references: list[str], download_folder: Path | None
) -> ReferenceSide:
    from slipway.bundle.release_file import RELEASE_FILE, verify
    from slipway.drift.reference import build_reference, read_bundle_reference
    from slipway.drift.rows import RowSelection, read_rows

    if download_folder:
        return read_bundle_reference(github_champion(settings, download_folder))
    if not references or (Path(references[0]) / RELEASE_FILE).is_file():
        return read_bundle_reference(verify(resolve_bundle(settings_file, Path(references[0]) if references else None)))
    time, contract = settings.data.time, settings.contract
    rows = read_rows(references[0], RowSelection(contract, time))
    return build_reference(references[0], rows, contract, time=time, block=settings.gate.block or "row")


def _print_drift(result: Drift) -> None:
    newest = result.newest_window
    when = f" from {newest.since} to {newest.until}" if newest.since else ""
    click.echo(f"{newest.rows:,} rows{when}, compared with {result.reference_rows:,} rows of {result.reference}\n")
    print_rows([_HEADER, *_column_rows(newest)])
    for window in result.windows if len(result.windows) > 1 else ():
        outcome = window.unjudged or (
            f"drift in {', '.join(window.drifted_columns)}" if window.drifted_columns else "no drift"
        )
        click.echo(f"\n{window.since} to {window.until}, {window.rows:,} rows: {outcome}", nl=False)
    if result.live:
        _print_live_metrics(result.live)
    click.echo(f"\n{_verdict(result)}")


def _print_live_metrics(live: LiveMetrics) -> None:
    from slipway.drift.report import THRESHOLD_HEAD, threshold_rows

    click.echo(f"\nThe live metric covers {live.rows:,} rows with labels", nl=False)
    if live.bounds:
        click.echo(":")
        print_rows([THRESHOLD_HEAD, *threshold_rows(live)])
    else:
        click.echo(", but [gate] sets no minimum or maximum to compare it with.")


def _column_rows(window: Window) -> Iterator[Row]:
    from slipway.drift.report import format_row

    for finding in sorted(window.findings, key=lambda f: (not f.prediction, not f.drifted, -f.stability_index)):
        _, _, *effects, before, now, unseen = format_row(finding)
        yield finding.column, "DRIFT" if finding.drifted else "", *effects, f"{before} -> {now}", unseen


def _verdict(result: Drift) -> str:
    broken = f"; {result.broken_rows:,} rows break the contract" if result.broken_rows else ""
    absent = f"; missing columns: {', '.join(result.absent)}" if result.absent else ""
    verdict = "drift" if result.drifted else "no drift"
    rate = f"{result.false_alarm_rate * 100:g} %"
    return f"{verdict} ({result.rule}; false-alarm rate {rate}){broken}{absent}"


@click.command("report-drift")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@settings_option
@repository_option
def report_drift(folder: Path, settings_file: Path, repository: str | None) -> None:
    """Open, update or close the GitHub issue about drift.

    DIR is what `slipway drift --report DIR` wrote. There is at most one open issue for a model. If `drift.mode` is
    "retrain", the command also starts the retrain workflow, once for each issue.

    \b
    Examples:
      slipway ci report-drift drift/
    """
    from slipway.commands.report_drift import update_issue
    from slipway.drift.report import read_report, render_markdown
    from slipway.github.workflows import write_summary
    from slipway.settings.settings import load_settings

    mode, result = load_settings(settings_file).drift.mode, read_report(folder)
    write_summary(render_markdown(result))
    click.echo(retry_on_github(lambda on: update_issue(on, result, mode, stderr_progress), repository))
