"""The verb that scores whole data sets."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from slipway.cli.options import (
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


def _parse_names(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Each text as a line of CSV, so that the one input of a workflow can name several columns."""
    lines = csv.reader("\n".join(values).splitlines(), skipinitialspace=True)
    return tuple(name.strip() for line in lines for name in line if name.strip())


@click.command(
    epilog="""
\b
Examples:
  slipway batch rows/ scores --keep id --max-bad 0.1%
  slipway batch rows/ scores --engine spark --master spark://host:7077
"""
)
@click.argument("source", metavar="IN")
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--keep", multiple=True, callback=_parse_names, metavar="NAME,...",
              help="Input columns to keep in OUT; all of them by default.")  # fmt: skip
@click.option("--format", "kind", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True,
              help="How the parts of OUT are written.")  # fmt: skip
@click.option("--max-bad", default="0", show_default=True, metavar="N|N%", help="Bad rows that OUT may be without.")
@click.option("--on-odd", type=click.Choice(["warn", "fail"]), default="warn", show_default=True,
              help="What to do when predictions are null, all the same or far from the reference.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an OUT of another input or release, in one step.")
@click.option("--github", is_flag=True, help="Score with the release that GitHub calls Latest.")
@click.option("--rows-per-part", type=click.IntRange(min=1), default=1 << 20, show_default=True,
              help="How many rows of IN become a part of OUT; beyond 65536, whole multiples of that.")  # fmt: skip
@click.option("--engine", type=click.Choice(["local", "spark"]), default="local", show_default=True,
              help="Whether this machine makes the parts, or a Spark cluster.")  # fmt: skip
@click.option("--master", metavar="URL", help="Spark's master; by default what spark-submit or Spark's settings say.")
@settings_option
@bundle_option
@json_option
def batch(
    source: str, out: Path, keep: tuple[str, ...], kind: Literal["parquet", "csv"], max_bad: str,
    on_odd: Literal["warn", "fail"], overwrite: bool, github: bool, rows_per_part: int,
    engine: Literal["local", "spark"], master: str | None, settings_file: Path, bundle: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Score the rows of IN with the champion, into OUT.

    IN is a file, a folder, a glob or a URI: CSV, JSON lines, Parquet or Arrow. OUT is a folder for a dataset; a name
    that ends in .csv, .csv.gz or .parquet is one file.
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
        chosen = (kind, max_bad, on_odd, overwrite, rows_per_part, engine, master)
        if chosen != ("parquet", "0", "warn", False, 1 << 20, "local", None):
            raise SettingsError(f"{out} is one file, for which only --keep can be chosen; name a folder for a dataset")
        _score_to_file(source, out, verified, keep, as_json)
        return
    with stderr_progress.heartbeat("batch") as note:
        progress = progress_reporter(lambda sign: note(str(sign)))
        options, policy = Options(keep, kind, rows_per_part), Policy(max_bad, on_odd)
        request = BatchRequest(
            source, out, options, policy, overwrite, stderr_progress, progress, _engine(engine, master)
        )
        done = _score_and_summarize(request, verified)
    print_result({"state": done.state, "out": str(out), **done.manifest}, _describe_result(done, out), as_json)


@contextmanager
def _open_bundle(settings_file: Path, bundle: Path | None, github: bool) -> Iterator[Any]:
    """The bundle that answers; one of GitHub is here for as long as the command runs."""
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
    """Score, and leave the workflow that runs this a summary of what it came to."""
    from slipway.batch.job import score_dataset
    from slipway.batch.summary import failure, summary
    from slipway.github.workflows import write_summary

    try:
        done = score_dataset(request, bundle)
    except SlipwayError as error:
        write_summary(failure(error))
        raise
    write_summary(summary(done.manifest))
    return done


def _engine(name: Literal["local", "spark"], master: str | None) -> Engine:
    if name == "spark":
        from slipway.batch.spark.engine import SparkEngine

        return SparkEngine(master)
    if master is not None:
        raise SettingsError(f"--master {master} belongs to --engine spark; nothing was written")
    from slipway.batch.engine import local_engine

    return local_engine


def _score_to_file(source: str, out: Path, bundle: Any, keep: tuple[str, ...], as_json: bool) -> None:
    from slipway.batch.one_file import score_file
    from slipway.batch.progress import progress_reporter
    from slipway.inference.scorer import load

    scorer = load(bundle.path, expected_digest=bundle.digest)
    scorer.check_golden()
    with stderr_progress.heartbeat("batch") as note:
        summary = score_file(source, out, scorer, keep=keep, progress=progress_reporter(lambda sign: note(str(sign))))
    told = f"{summary['rows']} rows scored by {summary['release']} into {out} in {summary['seconds']:.1f} s"
    print_result(summary, told, as_json)


def _describe_result(result: Any, out: Path) -> str:
    manifest = result.manifest
    rows, timings = manifest["rows"], manifest["timings"]
    if result.state == "unchanged":
        return f"{out} holds these {rows['scored']:,} rows scored by {manifest['release']} already; nothing was done"
    aside = f", {rows['quarantined']:,} set aside in {out}/_quarantine" if rows["quarantined"] else ""
    return (
        f"{rows['scored']:,} of {rows['in']:,} rows scored by {manifest['release']} into {out}{aside} in "
        f"{timings['seconds']:.1f} s; digest {manifest['digest'][:12]}"
    )
