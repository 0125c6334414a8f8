"""Verbs about versions: start a project, lint commits, preview, release, and build the package of a release."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from slipway.cli.options import Decorator, json_option, print_json, print_result, settings_option
from slipway.errors import CommitsError, CompatibilityError, SettingsError

title_option: Decorator = click.option(
    "--title",
    envvar="SLIPWAY_TITLE",
    metavar="TEXT",
    help="A pull request's title, for a squash merge; also $SLIPWAY_TITLE, or - for the standard input.",
)
against_option: Decorator = click.option(
    "--against", type=click.Path(path_type=Path), help="A bundle or contract file, instead of the local champion."
)
github_option: Decorator = click.option(
    "--github", is_flag=True, help="Compare with the release that GitHub calls Latest, instead of the local champion."
)


@click.command(epilog="Example: slipway init --name churn")
@settings_option
@click.option("--name", help="The project's and the model's name; asked for when it is left out.")
@click.option("--description", default="", help="One sentence about the model.")
@click.option("--force", is_flag=True, help="Also over uncommitted changes, and where releases exist.")
def init(settings_file: Path, name: str | None, description: str, force: bool) -> None:
    """Turn a fresh copy of the template into your project: name, version, changelog, contract, README."""
    from slipway.commands.new_project import initialize

    if name is None and not sys.stdin.isatty():
        raise SettingsError("the project needs a name: slipway init --name my-model")
    name = name or click.prompt("Name of the project and its model", default=settings_file.absolute().parent.name)
    changed = initialize(settings_file, str(name), description=description, force=force)
    for line in changed:
        click.echo(line)
    click.echo(f"\n{_NEXT_STEPS}" if changed else f"this is {name} already; nothing was changed")


_NEXT_STEPS = """next:
  git diff, then commit it as `feat: start` and push: that releases 1.0.0
  make ship                 the example still runs, under your name
  slipway.toml              name your own data, features, estimator and gate when you have them
  slipway contract write    after each change of the features
  LICENSE                   is Slipway's; choose your own for what you add"""


@click.command(epilog='Example: slipway commits v1.2.0..HEAD; slipway commits --title "feat: price in euros"')
@click.argument("revisions", metavar="[RANGE]", required=False)
@click.option("--base", envvar="SLIPWAY_BASE", metavar="COMMIT", help="Read what came since; also $SLIPWAY_BASE.")
@title_option
@settings_option
@json_option
def commits(revisions: str | None, base: str | None, title: str | None, settings_file: Path, as_json: bool) -> None:
    """Check commit messages or a title: would each of them release what it should? Since the last release by default."""
    from slipway.versioning.commit_lint import Commit, Linter, commits_in, largest_bump

    root = settings_file.absolute().parent
    linter = Linter(root)
    found = [Commit(_read_title(title))] if title is not None else []
    if revisions or base or title is None:
        found += commits_in(root, revisions or _commit_range(root, base or ""))
    readings = [linter.read(commit) for commit in found]
    if as_json:
        print_json({"level": largest_bump(readings), "commits": [reading.row for reading in readings]})
    if bad := [f"{reading.name}: {reading.problem}" for reading in readings if reading.problem]:
        raise CommitsError("\n  ".join([f"{len(bad)} of {len(readings)} would release nothing as written", *bad]))
    if not as_json:
        what = {"none": "nothing"}.get(largest_bump(readings), f"a {largest_bump(readings)} version")
        click.echo(f"{len(readings)} read, all of them well-formed; together they release {what}")


@click.command(epilog="Example: slipway contract check --against .slipway/target/current")
@against_option
@github_option
@title_option
@settings_option
@json_option
def check(against: Path | None, github: bool, title: str | None, settings_file: Path, as_json: bool) -> None:
    """Is the next version honest about what changed for callers since the champion?"""
    _, _, judgement = _check_next_version(settings_file, against, github, title)
    if as_json:
        print_json(msgspec.to_builtins(judgement))
    if not judgement.honest:
        raise CompatibilityError(judgement.sentence)
    if not as_json:
        click.echo(judgement.sentence)


@click.command(epilog="Example: slipway preview")
@against_option
@github_option
@title_option
@settings_option
def preview(against: Path | None, github: bool, title: str | None, settings_file: Path) -> None:
    """Show what merging this would release, as Markdown: version, notes, changes for callers, what is trained."""
    from slipway.commands.preview import preview as previewed
    from slipway.github.workflows import write_summary

    settings, coming, judgement = _check_next_version(settings_file, against, github, title)
    text = previewed(settings, coming, judgement)
    write_summary(text)
    click.echo(text, nl=False)


@click.command(epilog="Example: slipway release")
@click.option("--tag-only", is_flag=True, help="Push a tag only: no release commit, no changelog.")
@click.option("--no-push", is_flag=True, help="Make commit and tag here, and push nothing.")
@settings_option
@json_option
def release(tag_only: bool, no_push: bool, settings_file: Path, as_json: bool) -> None:
    """Release what the commits since the last release ask for: version, changelog, commit and tag, pushed as one."""
    from slipway.github.workflows import write_outputs
    from slipway.versioning.tag_release import tag_release

    done = tag_release(settings_file.absolute().parent, tag_only=tag_only, to_remote=not no_push)
    write_outputs(tag=done.tag)
    print_result({"tag": done.tag, "new": done.new, "sentence": done.sentence}, done.sentence, as_json)


@click.command("build-package", epilog="Example: slipway build-package dist/")
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--tag", metavar="vX.Y.Z", default="", help="The release; by default the one that is checked out.")
@settings_option
def build_package(out: Path, tag: str, settings_file: Path) -> None:
    """Build wheel and source archive of a release, the same bytes each time."""
    from slipway.storage.digests import file_digest
    from slipway.versioning.build_package import build_package as built

    for path in built(settings_file.absolute().parent, out, tag):
        click.echo(f"{file_digest(path)}  {path.name}")


def _check_next_version(settings_file: Path, against: Path | None, github: bool, title: str | None) -> Any:
    """The settings, what comes next, and whether it is honest."""
    from slipway.commands.check_contract import check_compatibility, read_published
    from slipway.contract.schema import read_contract
    from slipway.settings.settings import check_contract, load_settings
    from slipway.versioning.next_version import find_next_version

    settings = load_settings(settings_file)
    contract = read_contract(check_contract(settings))
    coming = find_next_version(settings.root, _read_title(title))
    champion = read_published(settings, against=against, github=github, last=coming.last)
    return settings, coming, check_compatibility(contract, champion, coming)


def _read_title(title: str | None) -> str:
    return sys.stdin.read() if title == "-" else title or ""


def _commit_range(root: Path, base: str) -> str:
    """The commits since ``base``; since the last release where it is no commit here, as after a forced push."""
    from slipway.versioning.git.checkout import checkout_at
    from slipway.versioning.git.command import run

    if base and not run(root, "rev-parse", "-q", "--verify", "--end-of-options", f"{base}^{{commit}}").returncode:
        return f"{base}..HEAD"
    last = checkout_at(root).last_tag
    return f"{last}..HEAD" if last else "HEAD"
