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
from slipway.cli.options import bundle_of, github_champion, json_option, on_github, say, settings_option
from slipway.cli.terminal import Row, show
from slipway.errors import DriftError, SettingsError

if TYPE_CHECKING:
    from slipway.drift.detect import Asked
    from slipway.drift.reference import Against
    from slipway.drift.result import Drift, Live, Window
    from slipway.settings.settings import Settings

_RULE = re.compile(r"(?P<k>[1-9]\d*)/(?P<n>[1-9]\d*)")
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
    asked = replace(_asked(settings, current, windows=windows, rule=rule), truth=truth, outcomes=truth_file, key=key)
    with say.running("drift") as note, tempfile.TemporaryDirectory(prefix="slipway-reference-") as folder:
        against = _against(settings, settings_file, named, Path(folder) if github else None)
        found = detect(against, asked, note)
    write_report(found, html=html, folder=report)
    if as_json:
        click.echo(encode_drift(found))
    else:
        _show(found)
    if found.drifted:
        raise DriftError(sentence(found))


def sentence(found: Drift) -> str:
    """What was found, in one sentence with the numbers."""
    parts = []
    if moved := found.newest.moved:
        furthest = next(f for f in found.newest.findings if f.column == moved[0])
        parts.append(
            f"{len(moved)} of {len(found.newest.findings)} columns drifted from {found.reference} ({found.rule}), "
            f"'{moved[0]}' the furthest with a stability index of {furthest.stability_index:.2f}"
        )
    parts += [
        f"{bound.rule} requires {bound.required:g} and the live metric is {bound.value:.3f}"
        for bound in (found.live.bounds if found.live else ())
        if bound.broken
    ]
    return "; ".join(parts)


def _asked(settings: Settings, current: str, *, windows: bool, rule: str | None) -> Asked:
    from slipway.drift.detect import Asked
    from slipway.drift.windows import Bar, Rule

    wanted = settings.drift
    k, n = wanted.k, wanted.n
    if rule:
        match = _RULE.fullmatch(rule)
        if match is None or int(match["k"]) > int(match["n"]):
            raise SettingsError(f"--rule must be K/N with K at most N, such as 2/3, not '{rule}'")
        k, n = int(match["k"]), int(match["n"])
    return Asked(
        current,
        Bar(wanted.false_alarm_rate, wanted.minimum_effect),
        Rule(k, n, wanted.window_days) if windows or rule else None,
        wanted.ignore,
        floors=settings.gate.floors,
        ceilings=settings.gate.ceilings,
    )


def _against(settings: Settings, settings_file: Path, named: list[str], download: Path | None) -> Against:
    from slipway.bundle.release_file import RELEASE_FILE, verify
    from slipway.drift.reference import of_bundle, of_rows
    from slipway.drift.rows import Wanted, rows_of

    if download:
        return of_bundle(github_champion(settings, download))
    if not named or (Path(named[0]) / RELEASE_FILE).is_file():
        return of_bundle(verify(bundle_of(settings_file, Path(named[0]) if named else None)))
    time, contract = settings.data.time, settings.contract
    rows = rows_of(named[0], Wanted(contract, time))
    return of_rows(named[0], rows, contract, time=time, block=settings.gate.block or "row")


def _show(found: Drift) -> None:
    newest = found.newest
    when = f" from {newest.since} to {newest.until}" if newest.since else ""
    click.echo(f"{newest.rows:,} rows{when} against the {found.reference_rows:,} of {found.reference}\n")
    show([_HEADER, *_rows(newest)])
    for window in found.windows if len(found.windows) > 1 else ():
        told = window.unjudged or (f"drifted: {', '.join(window.moved)}" if window.moved else "no drift")
        click.echo(f"\n{window.since} to {window.until}, {window.rows:,} rows: {told}", nl=False)
    if found.live:
        _show_live(found.live)
    click.echo(f"\n{_verdict(found)}")


def _show_live(live: Live) -> None:
    from slipway.drift.report import BAR_HEAD, bars

    click.echo(f"\nThe truth of {live.rows:,} rows is known", nl=False)
    if live.bounds:
        click.echo(":")
        show([BAR_HEAD, *bars(live)])
    else:
        click.echo(", but [gate] has no floor and no ceiling to hold it against.")


def _rows(window: Window) -> Iterator[Row]:
    from slipway.drift.report import row

    for finding in sorted(window.findings, key=lambda f: (not f.prediction, not f.drifted, -f.stability_index)):
        _, _, *effects, before, now, strangers = row(finding)
        yield finding.column, "DRIFT" if finding.drifted else "", *effects, f"{before} -> {now}", strangers


def _verdict(found: Drift) -> str:
    broken = f"; {found.broken_rows:,} rows break the contract" if found.broken_rows else ""
    absent = f"; not there: {', '.join(found.absent)}" if found.absent else ""
    told = "drift" if found.drifted else "no drift"
    return f"{told}: {found.rule}; at most {found.false_alarm_rate:.1%} of such comparisons alarm by chance{broken}{absent}"


@click.command("report-drift", epilog="Example: slipway report-drift drift/")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@settings_option
@repository_option
def report_drift(folder: Path, settings_file: Path, repository: str | None) -> None:
    """Keep one GitHub issue for what `slipway drift --report DIR` found, or close it; or start a retrain, as set."""
    from slipway.commands.report_drift import report
    from slipway.drift.report import markdown, read_report
    from slipway.github.workflows import write_summary
    from slipway.settings.settings import load_settings

    mode, found = load_settings(settings_file).drift.mode, read_report(folder)
    write_summary(markdown(found))
    click.echo(on_github(lambda on: report(on, found, mode, say), repository))
