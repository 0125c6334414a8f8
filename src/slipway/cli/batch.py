"""`slipway batch`: score datasets."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from slipway.cli.options import (
    RenamedOptionsCommand,
    bundle_option,
    github_champion,
    json_option,
    print_result,
    resolve_bundle,
    settings_option,
    stderr_progress,
)
from slipway.errors import SettingsError, SlipwayError

if TYPE_CHECKING:
    from slipway.batch.engine import Engine

_RENAMED = {"--on-odd": "--on-anomaly", "--max-bad": "--max-invalid"}
_PRECISE_SECONDS = 10
"""Shorter times are printed with two decimals."""


def _parse_names(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read each value as a line of CSV, so that the single input of a workflow can name several columns."""
    lines = csv.reader("\n".join(values).splitlines(), skipinitialspace=True)
    return tuple(name.strip() for line in lines for name in line if name.strip())


@click.command(cls=RenamedOptionsCommand, renamed=_RENAMED)
@click.argument("source", metavar="IN")
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--keep", multiple=True, callback=_parse_names, metavar="NAME,...",
              help="Input columns to copy to OUT; all of them by default.")  # fmt: skip
@click.option("--format", "kind", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True,
              help="File format of the parts of OUT.")  # fmt: skip
@click.option("--max-invalid", default="0", show_default=True, metavar="N|N%",
              help="How many rows may break the contract before the job fails.")  # fmt: skip
@click.option("--on-anomaly", type=click.Choice(["warn", "fail"]), default="warn", show_default=True,
              help="What to do if predictions are null, constant or far from the reference.")  # fmt: skip
@click.option("--overwrite", is_flag=True,
              help="Replace OUT, in one step, if it was made from another input or by another release.")  # fmt: skip
@click.option("--github", is_flag=True, help="Score with the release that GitHub marks as Latest.")
@click.option("--rows-per-part", type=click.IntRange(min=1), default=1 << 20, show_default=True,
              help="Rows of IN in each part of OUT; above 65536, rounded up to a multiple of it.")  # fmt: skip
@click.option("--engine", type=click.Choice(["local", "spark"]), default="local", show_default=True,
              help="Score on this machine or on a Spark cluster.")  # fmt: skip
@click.option("--master", metavar="URL",
              help="Address of the Spark master; by default from spark-submit or Spark's settings.")  # fmt: skip
@settings_option
@bundle_option
@json_option
def batch(
    source: str, out: Path, keep: tuple[str, ...], kind: Literal["parquet", "csv"], max_invalid: str,
    on_anomaly: Literal["warn", "fail"], overwrite: bool, github: bool, rows_per_part: int,
    engine: Literal["local", "spark"], master: str | None, settings_file: Path, bundle: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Score a dataset with the champion.

    IN is a file, a folder, a glob or a URI: CSV, JSON Lines, Parquet or Arrow. OUT is a folder, which becomes a dataset
    with a manifest; if its name ends in .csv, .csv.gz or .parquet, it is a single file instead.

    \b
    Examples:
      slipway batch rows.csv scores --keep id --max-invalid 0.1%
      slipway batch rows.csv scores.csv
    """
    from slipway.batch.engine import return_large_blocks
    from slipway.batch.job import BatchRequest
    from slipway.batch.output.location import FORMATS_BY_SUFFIX
    from slipway.batch.plan import Options
    from slipway.batch.policy import Policy
    from slipway.batch.progress import progress_reporter

    return_large_blocks()
    verified = click.get_current_context().with_resource(_open_bundle(settings_file, bundle, github))
    if out.name.lower().endswith(tuple(FORMATS_BY_SUFFIX)) and not out.is_dir():
        chosen = (kind, max_invalid, on_anomaly, overwrite, rows_per_part, engine, master)
        if chosen != ("parquet", "0", "warn", False, 1 << 20, "local", None):
            raise SettingsError(
                f"{out} is a single file, which takes no dataset option except --keep; nothing was written; "
                "name a folder for a dataset"
            )
        _score_to_file(source, out, verified, keep, as_json)
        return
    with stderr_progress.heartbeat("batch") as note:
        progress = progress_reporter(lambda update: note(str(update)))
        options, policy = Options(keep, kind, rows_per_part), Policy(max_invalid, on_anomaly)
        request = BatchRequest(
            source, out, options, policy, overwrite, stderr_progress, progress, _engine(engine, master)
        )
        result = _score_and_summarize(request, verified)
    print_result({"state": result.state, "out": str(out), **result.manifest}, _describe_result(result, out), as_json)


@contextmanager
def _open_bundle(settings_file: Path, bundle: Path | None, github: bool) -> Iterator[Any]:
    """The bundle to score with; one from GitHub is deleted when the command ends."""
    from slipway.bundle.release_file import verify

    if not github:
        yield verify(resolve_bundle(settings_file, bundle))
        return
    if bundle:
        raise SettingsError("--bundle and --github each name a bundle; give one of them")
    from slipway.settings.settings import load_settings

    with tempfile.TemporaryDirectory(prefix="slipway-champion-") as folder:
        yield github_champion(load_settings(settings_file), Path(folder))


def _score_and_summarize(request: Any, bundle: Any) -> Any:
    """Score, and write a summary of the result for the workflow that runs this."""
    from slipway.batch.job import score_dataset
    from slipway.batch.summary import failure, summary
    from slipway.github.workflows import write_summary

    try:
        result = score_dataset(request, bundle)
    except SlipwayError as error:
        write_summary(failure(error))
        raise
    write_summary(summary(result.manifest))
    return result


def _engine(name: Literal["local", "spark"], master: str | None) -> Engine:
    if name == "spark":
        from slipway.batch.spark.engine import SparkEngine

        return SparkEngine(master)
    if master is not None:
        raise SettingsError(f"--master {master} needs --engine spark; nothing was written")
    from slipway.batch.engine import local_engine

    return local_engine


def _score_to_file(source: str, out: Path, bundle: Any, keep: tuple[str, ...], as_json: bool) -> None:
    from slipway.batch.one_file import score_file
    from slipway.batch.progress import progress_reporter
    from slipway.inference.scorer import load

    scorer = load(bundle.path, expected_digest=bundle.digest)
    scorer.check_golden()
    with stderr_progress.heartbeat("batch") as note:
        progress = progress_reporter(lambda update: note(str(update)))
        summary = score_file(source, out, scorer, keep=keep, progress=progress)
    rows, seconds = f"{summary['rows']:,}", _format_seconds(summary["seconds"])
    print_result(summary, f"scored {rows} of {rows} rows with {summary['release']} -> {out} ({seconds})", as_json)


def _describe_result(result: Any, out: Path) -> str:
    manifest = result.manifest
    rows, release = manifest["rows"], manifest["release"]
    if result.state == "unchanged":
        return f"nothing to do: {out} already contains these {rows['scored']:,} rows, scored with {release}"
    invalid = f"; {rows['quarantined']:,} invalid in {out}/_quarantine" if rows["quarantined"] else ""
    return (
        f"scored {rows['scored']:,} of {rows['in']:,} rows with {release} -> {out} "
        f"({_format_seconds(manifest['timings']['seconds'])}, digest {manifest['digest'][:12]}){invalid}"
    )


def _format_seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < _PRECISE_SECONDS else f"{seconds:,.1f} s"
