"""`slipway reproduce`, and what reproduce.yml runs: rebuild the supported releases, and show the results on their pages."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
import msgspec

from slipway.cli.github import repository_option, tag_argument
from slipway.cli.options import (
    json_option,
    print_json,
    retry_on_github,
    settings_option,
    stderr_progress,
)
from slipway.cli.terminal import print_rows
from slipway.errors import ReproductionError


def _parse_threads(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    numbers = tuple(int(text) if text.strip().isdigit() else 0 for text in value.split(",") if value)
    if 0 in numbers:
        raise click.BadParameter(f"{value!r} is not a list of numbers of threads such as 1,2")
    return numbers


threads_option = click.option(
    "--threads", default="", metavar="N,...", callback=_parse_threads,
    help="Rebuild once with each of these numbers of threads. Default: once, with as many as there are cores.",
)  # fmt: skip
keep_option = click.option(
    "--keep", is_flag=True, help="Keep the clone, its store and the environment, in .slipway/reproduce."
)
published_option = click.option(
    "--bundle", type=click.Path(path_type=Path),
    help="The folder of the published bundle. Default: that of this machine, or else of the GitHub release.",
)  # fmt: skip


@click.command()
@tag_argument
@threads_option
@keep_option
@published_option
@settings_option
@json_option
def reproduce(
    tag: str, threads: tuple[int, ...], keep: bool, bundle: Path | None, settings_file: Path, as_json: bool
) -> None:
    """Rebuild a release from its tag and compare every number.

    Clones the tag, installs its lock in a new environment, runs its pipeline without a cache on the pinned data, and
    compares with the published bundle: of this machine, or else of the GitHub release. The exit code is 49 if anything
    differs, and the first difference is named. Nothing of the project, its store or its target is changed.

    \b
    Examples:
      slipway reproduce v1.4.0
      slipway reproduce v1.4.0 --threads 1,2 --json
    """
    from slipway.commands.reproduce.reproduce import RebuildRequest
    from slipway.commands.reproduce.reproduce import reproduce as run_rebuild
    from slipway.settings.settings import load_settings

    settings = load_settings(settings_file)
    result = run_rebuild(settings, RebuildRequest(tag, bundle, threads, keep), stderr_progress)
    if as_json:
        print_json({**msgspec.to_builtins(result), "sentence": result.sentence})
    else:
        print_rows(list(result.rows()), ("", "result", ""))
        click.echo(f"rebuilt on {result.machine}")
    if result.result != "identical":
        raise ReproductionError(f"{result.sentence}; nothing was changed")
    if not as_json:
        click.echo(result.sentence)


@click.command("rebuild")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("release", metavar="[vX.Y.Z]", default="")
@threads_option
@settings_option
@repository_option
def rebuild(folder: Path, release: str, threads: tuple[int, ...], settings_file: Path, repository: str | None) -> None:
    """Rebuild the champion and the oldest supported release.

    With a version, only that release. The results are written to DIR, for rebuild-pages, and to the job's summary.

    \b
    Examples:
      slipway ci rebuild results/ --threads 1,2
      slipway ci rebuild results/ v1.4.0
    """
    from slipway.commands.reproduce.published import supported_releases
    from slipway.commands.reproduce.reproduce import reproduce_each
    from slipway.commands.reproduce.result import read_results
    from slipway.github.workflows import write_summary
    from slipway.settings.settings import load_settings
    from slipway.versioning.semver import tag_of

    settings = load_settings(settings_file)
    tags = [tag_of(release)] if release else retry_on_github(partial(supported_releases, settings), repository)
    errors = reproduce_each(settings, tags, threads, stderr_progress)
    folder.mkdir(parents=True, exist_ok=True)
    for kept in read_results(settings.root):
        if f"v{kept.release}" in tags:
            (folder / f"v{kept.release}.json").write_bytes(msgspec.json.encode(kept))
            write_summary(kept.markdown())
            click.echo(kept.sentence)
    if errors:
        raise type(errors[0])("; ".join(map(str, errors)))


@click.command("rebuild-pages")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@repository_option
def rebuild_pages(folder: Path, repository: str | None) -> None:
    """Show rebuild results on the release pages.

    DIR is what rebuild wrote. Only the notes of a page change: a section with the newest result.

    \b
    Examples:
      slipway ci rebuild-pages results/
    """
    from slipway.commands.reproduce.result import decode_result
    from slipway.github.release_page import show_section

    for path in sorted(folder.glob("*.json")):
        result = decode_result(path)
        show = partial(
            show_section, tag=f"v{result.release}", name="rebuilt", text=result.markdown(), say=stderr_progress
        )
        click.echo(retry_on_github(show, repository))
