"""Define the commands about versions: commits, preview, contract check, release and build-package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from slipway.cli.options import (
    Decorator,
    json_option,
    print_json,
    print_result,
    read_title,
    settings_option,
    title_option,
)
from slipway.errors import CommitsError, CompatibilityError

against_option: Decorator = click.option(
    "--against",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Compare with this bundle or contract file instead of the local champion.",
)
github_option: Decorator = click.option(
    "--github", is_flag=True, help="Compare with the release that GitHub marks as Latest instead of the local champion."
)


@click.command()
@click.argument("revisions", metavar="[RANGE]", required=False)
@click.option(
    "--base", envvar="SLIPWAY_BASE", metavar="COMMIT", help="Check the commits since COMMIT. Default: $SLIPWAY_BASE."
)
@title_option
@settings_option
@json_option
def commits(revisions: str | None, base: str | None, title: str | None, settings_file: Path, as_json: bool) -> None:
    """Check that commit messages or a title are well-formed.

    A commit with a malformed message would release nothing. Without RANGE, --base or --title, all commits since the last
    release are checked.

    \b
    Examples:
      slipway commits origin/main..HEAD
      slipway commits --title "feat: price in euros"
    """
    from slipway.versioning.commit_lint import Commit, Linter, commits_in, largest_bump

    root = settings_file.absolute().parent
    linter = Linter(root)
    found = [Commit(read_title(title))] if title is not None else []
    if revisions or base or title is None:
        found += commits_in(root, revisions or _commit_range(root, base or ""))
    readings = [linter.read(commit) for commit in found]
    if as_json:
        print_json({"level": largest_bump(readings), "commits": [reading.row for reading in readings]})
    if bad := [f"{reading.name}: {reading.problem}" for reading in readings if reading.problem]:
        raise CommitsError(
            "\n  ".join([f"{len(bad)} of {len(readings)} messages would release nothing as written", *bad])
        )
    if not as_json:
        plural = "" if len(readings) == 1 else "s"
        click.echo(f"no problems found in {len(readings)} message{plural}; version bump: {largest_bump(readings)}")


@click.command()
@against_option
@github_option
@title_option
@settings_option
@json_option
def check(against: Path | None, github: bool, title: str | None, settings_file: Path, as_json: bool) -> None:
    """Check that the next version covers all API changes.

    Compares the contract with the champion's, and the required version bump with the one that the commits release.

    \b
    Examples:
      slipway contract check
      slipway contract check --against .slipway/target/current
    """
    _, _, result = _check_next_version(settings_file, against, github, title)
    if as_json or result.honest:
        print_result(msgspec.to_builtins(result), result.sentence, as_json)
    if not result.honest:
        raise CompatibilityError(result.sentence)


@click.command()
@against_option
@github_option
@title_option
@settings_option
@json_option
def preview(against: Path | None, github: bool, title: str | None, settings_file: Path, as_json: bool) -> None:
    """Show as Markdown what merging this branch would release.

    The preview has the next version, its release notes, the changes for callers, and what is trained. In a GitHub workflow
    it is also added to the job's summary.

    \b
    Examples:
      slipway preview
      slipway preview --title "feat: price in euros"
    """
    from slipway.commands.preview import preview as previewed
    from slipway.github.workflows import write_summary

    settings, next_version, result = _check_next_version(settings_file, against, github, title)
    text = previewed(settings, next_version, result)
    write_summary(text)
    found = {"version": next_version.version, "new": next_version.new, "last": next_version.last}
    print_result(found | {"contract": msgspec.to_builtins(result), "markdown": text}, text.removesuffix("\n"), as_json)


@click.command()
@click.option("--tag-only", is_flag=True, help="Push only the tag: no release commit and no changelog entry.")
@click.option("--no-push", is_flag=True, help="Create the commit and the tag in this checkout only.")
@settings_option
@json_option
def release(tag_only: bool, no_push: bool, settings_file: Path, as_json: bool) -> None:
    """Release the version that the commits require.

    Updates the version and the changelog, then commits, tags, and pushes branch and tag in one atomic step. If it fails,
    nothing was changed and you can run it again.

    \b
    Examples:
      slipway release
      slipway release --no-push
    """
    from slipway.github.workflows import write_outputs
    from slipway.versioning.tag_release import tag_release

    done = tag_release(settings_file.absolute().parent, tag_only=tag_only, to_remote=not no_push)
    write_outputs(tag=done.tag)
    print_result({"tag": done.tag, "new": done.new, "sentence": done.sentence}, done.sentence, as_json)


@click.command("build-package")
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--tag", metavar="vX.Y.Z", default="", help="The release to build. Default: the one that is checked out.")
@settings_option
def build_package(out: Path, tag: str, settings_file: Path) -> None:
    """Build a release's wheel and source archive reproducibly.

    Two builds of the same tag have the same bytes. Prints the SHA-256 of each file.

    \b
    Examples:
      slipway ci build-package dist/
      slipway ci build-package dist/ --tag v1.2.0
    """
    from slipway.storage.digests import file_digest
    from slipway.versioning.build_package import build_package as built

    for path in built(settings_file.absolute().parent, out, tag):
        click.echo(f"{file_digest(path)}  {path.name}")


def _check_next_version(settings_file: Path, against: Path | None, github: bool, title: str | None) -> Any:
    """Return the settings, the next version, and whether its bump covers the changes for callers."""
    from slipway.commands.check_contract import check_compatibility, read_published
    from slipway.contract.schema import read_contract
    from slipway.settings.settings import check_contract, load_settings
    from slipway.versioning.next_version import find_next_version

    settings = load_settings(settings_file)
    contract = read_contract(check_contract(settings))
    next_version = find_next_version(settings.root, read_title(title))
    champion = read_published(settings, against=against, github=github, last=next_version.last)
    return settings, next_version, check_compatibility(contract, champion, next_version)


def _commit_range(root: Path, base: str) -> str:
    """Return the range since ``base``, or since the last release if ``base`` does not exist here (after a forced push)."""
    from slipway.versioning.git.checkout import checkout_at
    from slipway.versioning.git.command import run

    if base and not run(root, "rev-parse", "-q", "--verify", "--end-of-options", f"{base}^{{commit}}").returncode:
        return f"{base}..HEAD"
    last = checkout_at(root).last_tag
    return f"{last}..HEAD" if last else "HEAD"
