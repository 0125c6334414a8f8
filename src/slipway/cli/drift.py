"""The verb that says whether the world has moved."""

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
_HEADER = ("column", "", "stability index", "variation", "transport", "chance", "nulls", "strangers")


@click.command(
    epilog="Example: slipway drift logs/ --windows; slipway drift summer.parquet october.parquet --html drift.html"
)
@click.argument("places", metavar="[REFERENCE] CURRENT", nargs=-1, required=True)
@click.option("--windows", is_flag=True, help="Cut CURRENT into windows and judge by the rule of the settings.")
@click.option("--rule", metavar="K/N", help="The same by this rule: K of the last N windows, and the newest.")
@click.option("--truth", default="", metavar="COLUMN", help="The column of CURRENT with what turned out to be true.")
@click.option("--truth-file", default="", metavar="FILE", help="Where that column is, if it came later than the rows.")
@click.option(
    "--key", default="request_id", show_default=True, metavar="COLUMN", help="Finds the truth of a row there."
)
@click.option("--github", is_flag=True, help="The reference is the release that GitHub calls Latest.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write the report as a page, too.")
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="DIR", help="Leave what `report-drift` takes in DIR."
)
@settings_option
@json_option
def drift(
    places: tuple[str, ...], windows: bool, rule: str | None, truth: str, truth_file: str, key: str, github: bool,
    html: Path | None, report: Path | None, settings_file: Path, as_json: bool,
) -> None:  # fmt: skip
    """Have the rows of CURRENT, or the predictions for them, moved away from REFERENCE?

    REFERENCE is a bundle, or Parquet or other files; the champion by default. CURRENT is files as `slipway batch` reads
    them, a dataset that it wrote, or a folder of the server's prediction logs. The exit code is 0 when nothing drifted.
    """
    from slipway.drift.detect import detect
    from slipway.drift.report import write_report
    from slipway.drift.result import encode_drift
    from slipway.settings.settings import load_settings

    settings = load_settings(settings_file)
    *named, current = places
    if len(named) > 1 or (named and github):
        raise SettingsError(f"one REFERENCE and one CURRENT can be compared, but {' and '.join(places)} came")
    if truth_file and not truth:
        raise SettingsError(f"--truth must name the column of {truth_file} with what turned out to be true")
    asked = replace(
        _drift_request(settings, current, windows=windows, rule=rule), label=truth, labels_file=truth_file, key=key
    )
    with stderr_progress.heartbeat("drift") as note, tempfile.TemporaryDirectory(prefix="slipway-reference-") as folder:
        against = _load_reference(settings, settings_file, named, Path(folder) if github else None)
        found = detect(against, asked, note)
    write_report(found, html=html, folder=report)
    if as_json:
        click.echo(encode_drift(found))
    else:
        _print_drift(found)
    if found.drifted:
        raise DriftError(describe_drift(found))


def describe_drift(result: Drift) -> str:
    """What was found, in one sentence with the numbers."""
    parts = []
    if moved := result.newest_window.drifted_columns:
        furthest = next(f for f in result.newest_window.findings if f.column == moved[0])
        parts.append(
            f"{len(moved)} of {len(result.newest_window.findings)} columns drifted from {result.reference} ({result.rule}), "
            f"'{moved[0]}' the furthest with a stability index of {furthest.stability_index:.2f}"
        )
    parts += [
        f"{bound.rule} requires {bound.required:g} and the live metric is {bound.value:.3f}"
        for bound in (result.live.bounds if result.live else ())
        if bound.broken
    ]
    return "; ".join(parts)


def _drift_request(settings: Settings, current: str, *, windows: bool, rule: str | None) -> DriftRequest:
    from slipway.drift.detect import DriftRequest
    from slipway.drift.windows import Threshold, WindowRule

    wanted = settings.drift
    k, n = wanted.k, wanted.n
    if rule:
        match = _WINDOW_RULE.fullmatch(rule)
        if match is None or int(match["k"]) > int(match["n"]):
            raise SettingsError(f"--rule must be K/N with K at most N, such as 2/3, not '{rule}'")
        k, n = int(match["k"]), int(match["n"])
    return DriftRequest(
        current,
        Threshold(wanted.false_alarm_rate, wanted.minimum_effect),
        WindowRule(k, n, wanted.window_days) if windows or rule else None,
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
    click.echo(f"{newest.rows:,} rows{when} against the {result.reference_rows:,} of {result.reference}\n")
    print_rows([_HEADER, *_column_rows(newest)])
    for window in result.windows if len(result.windows) > 1 else ():
        told = window.unjudged or (
            f"drifted: {', '.join(window.drifted_columns)}" if window.drifted_columns else "no drift"
        )
        click.echo(f"\n{window.since} to {window.until}, {window.rows:,} rows: {told}", nl=False)
    if result.live:
        _print_live_metrics(result.live)
    click.echo(f"\n{_verdict(result)}")


def _print_live_metrics(live: LiveMetrics) -> None:
    from slipway.drift.report import THRESHOLD_HEAD, threshold_rows

    click.echo(f"\nThe truth of {live.rows:,} rows is known", nl=False)
    if live.bounds:
        click.echo(":")
        print_rows([THRESHOLD_HEAD, *threshold_rows(live)])
    else:
        click.echo(", but [gate] sets no minimum or maximum to compare it with.")


def _column_rows(window: Window) -> Iterator[Row]:
    from slipway.drift.report import format_row

    for finding in sorted(window.findings, key=lambda f: (not f.prediction, not f.drifted, -f.stability_index)):
        _, _, *effects, before, now, strangers = format_row(finding)
        yield finding.column, "DRIFT" if finding.drifted else "", *effects, f"{before} -> {now}", strangers


def _verdict(result: Drift) -> str:
    broken = f"; {result.broken_rows:,} rows break the contract" if result.broken_rows else ""
    absent = f"; not there: {', '.join(result.absent)}" if result.absent else ""
    found = "drift" if result.drifted else "no drift"
    return (
        f"{found}: {result.rule}; at most {result.false_alarm_rate:.1%} of such comparisons alarm by chance"
        f"{broken}{absent}"
    )


@click.command("report-drift", epilog="Example: slipway report-drift drift/")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@settings_option
@repository_option
def report_drift(folder: Path, settings_file: Path, repository: str | None) -> None:
    """Keep one GitHub issue for what `slipway drift --report DIR` found, or close it; or start a retrain, as set."""
    from slipway.commands.report_drift import update_issue
    from slipway.drift.report import read_report, render_markdown
    from slipway.github.workflows import write_summary
    from slipway.settings.settings import load_settings

    mode, found = load_settings(settings_file).drift.mode, read_report(folder)
    write_summary(render_markdown(found))
    click.echo(retry_on_github(lambda on: update_issue(on, found, mode, stderr_progress), repository))
