"""Commands for GitHub: a release's page, its promotion to Latest, and pulling a release onto a serving host."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import (
    json_option,
    open_target,
    print_json,
    retry_on_github,
    settings_option,
    stderr_progress,
)

if TYPE_CHECKING:
    from github.Repository import Repository

    from slipway.target.journal import Entry


def _parse_release(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    from slipway.versioning.semver import tag_of

    return tag_of(value) if value is not None else None


tag_argument = click.argument("tag", metavar="vX.Y.Z", callback=_parse_release)
repository_option = click.option(
    "--repository", metavar="OWNER/NAME", help="The GitHub repository; by default the workflow's, or that of origin."
)
files_option = click.option(
    "--files",
    type=click.Path(path_type=Path),
    default=Path("dist"),
    show_default=True,
    help="Folder with the release's files.",
)
rollback_option = click.option("--rollback", is_flag=True, help="Go back to this earlier release.")


@click.command("release-plan")
@tag_argument
@settings_option
@repository_option
def release_plan(tag: str, settings_file: Path, repository: str | None) -> None:
    """Report what is left to do for a tag.

    deploy.yml starts with this command, before anything is trained, so that a rerun does only the missing steps.

    \b
    Examples:
      slipway ci release-plan v1.4.0
    """
    from slipway.github.client import connect
    from slipway.github.releases import STATE_SENTENCES, state_of
    from slipway.github.workflows import write_outputs, write_summary
    from slipway.versioning.checkout_version import check_checkout

    check_checkout(settings_file.absolute().parent, tag)
    state = state_of(connect(repository), tag)
    write_outputs(tag=tag, state=state)
    write_summary(f"**{tag}**: {STATE_SENTENCES[state]}.")
    click.echo(f"{tag}: {STATE_SENTENCES[state]}")


@click.command("make-release")
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@settings_option
@repository_option
def make_release(out: Path, settings_file: Path, repository: str | None) -> None:
    """Train, gate and seal the release that is checked out.

    The checkout must be at the release's tag. The files for its release page are written to DIR; if the gate refuses the
    release, they contain the verdict and the report but no bundle.

    \b
    Examples:
      slipway ci make-release dist/
    """
    from slipway.bundle.verdict import verdict_table
    from slipway.commands.make_release import make_release as build_release
    from slipway.commands.rehearse import open_baselines
    from slipway.github.workflows import write_outputs, write_summary
    from slipway.settings.settings import load_settings

    settings = load_settings(settings_file)
    with open_baselines(settings, github=True, repository=repository) as opponents:
        done = build_release(settings, opponents, into=out, progress=stderr_progress)
    write_outputs(verdict=done.verdict.verdict, digest=done.sums_digest)
    parts = [f"## {done.release}: {done.verdict.verdict}", verdict_table(done.verdict), done.rehearsal_note]
    write_summary("\n\n".join(filter(None, parts)))
    click.echo(f"{done.verdict.verdict} {done.release}: files in {out}, sha256 of SHA256SUMS {done.sums_digest}")


@click.command()
@click.argument("files", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--digest", help="The expected sha256 of SHA256SUMS.")
@click.option(
    "--private", is_flag=True, envvar="PRIVATE", help="Sign only with a key; never use a public transparency log."
)
def sign(files: Path, digest: str | None, private: bool) -> None:
    """Sign the bundle of a release.

    Uses the key in $SLIPWAY_SIGNING_KEY, or the identity of the workflow that runs this. DIR contains the release's files;
    the signature is added to it.

    \b
    Examples:
      slipway ci sign dist/
    """
    from slipway.bundle.release_assets import check_sums, sign_bundle
    from slipway.bundle.signature import KEY_VARIABLE

    check_sums(files, digest)
    if private and not os.environ.get(KEY_VARIABLE):
        click.echo(
            f"not signed: a keyless signature would publish this private repository's name; set {KEY_VARIABLE} to sign"
        )
        return
    click.echo(f"signed: {sign_bundle(files)}")


@click.command("release-page")
@tag_argument
@files_option
@click.option("--digest", help="The expected sha256 of SHA256SUMS, as printed by make-release.")
@repository_option
def release_page(tag: str, files: Path, digest: str | None, repository: str | None) -> None:
    """Create, verify and publish the GitHub release for a tag.

    Repairs a partial release. A published release is never changed.

    \b
    Examples:
      slipway ci release-page v1.4.0 --files dist/
    """
    from slipway.github.release_page import publish

    click.echo(retry_on_github(lambda on: publish(on, tag, files, digest=digest, say=stderr_progress), repository))


@click.command("report-refusal")
@tag_argument
@files_option
@repository_option
def report_refusal(tag: str, files: Path, repository: str | None) -> None:
    """Open an issue for a release that the gate refused.

    Opens at most one issue per release. Prints its URL.

    \b
    Examples:
      slipway ci report-refusal v1.4.0 --files dist/
    """
    from slipway.github.issues import open_refusal_issue

    click.echo(retry_on_github(lambda on: open_refusal_issue(on, tag, files), repository))


@click.command()
@tag_argument
@rollback_option
@click.option("--reason", default="", help="The reason, for the record; required with --rollback.")
@repository_option
@json_option
def promote(tag: str, rollback: bool, reason: str, repository: str | None, as_json: bool) -> None:
    """Make a published release the champion on GitHub.

    The release becomes Latest, and hosts that follow the repository pull it. A GitHub deployment records who promoted
    it, which release it replaced, and why.

    \b
    Examples:
      slipway promote v1.4.0
      slipway promote v1.3.2 --rollback --reason "scores drifted"
    """
    from slipway.github.promote import promote as promote_release
    from slipway.target.journal import current_actor

    why = reason if rollback else reason or "released"
    changed = retry_on_github(
        lambda on: promote_release(on, tag, who=current_actor(), reason=why, rollback=rollback, say=stderr_progress),
        repository,
    )
    if as_json:
        print_json({"champion": tag, "changed": changed})


@click.command()
@click.argument("tag", metavar="[vX.Y.Z]", required=False, callback=_parse_release)
@rollback_option
@click.option("--reason", default="", help="The reason, for the journal; required with --rollback.")
@settings_option
@repository_option
@json_option
def pull(
    tag: str | None, rollback: bool, reason: str, settings_file: Path, repository: str | None, as_json: bool
) -> None:
    """Roll out a release from GitHub on this host.

    Without a version, follow the release marked Latest: roll out a newer one, or roll back to an earlier one.

    \b
    Examples:
      slipway pull
      slipway pull v1.4.0
    """
    from slipway.commands.pull import REMOTE_PREFIX, follow_latest, pull_tag
    from slipway.target.journal import current_actor
    from slipway.target.target import trust_of

    settings, target = open_target(settings_file)
    trust = trust_of(settings)
    why = reason if rollback else reason or "released"
    who = REMOTE_PREFIX + current_actor() if os.environ.get("GITHUB_ACTIONS") == "true" else current_actor()

    def pull_once(on: Repository) -> Entry | None:
        if tag is None:
            return follow_latest(target, on, trust=trust, progress=stderr_progress)
        return pull_tag(target, on, tag, reason=why, who=who, rollback=rollback, trust=trust, progress=stderr_progress)

    entry = retry_on_github(pull_once, repository)
    if as_json and (champion := target.champion()):
        result = {"champion": champion.release.version, "digest": champion.digest, "changed": entry is not None}
        print_json(result)


@click.command()
@click.argument("workflow")
@click.option("--ref", required=True, help="The branch or tag at which the workflow runs.")
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the workflow.")
@repository_option
def dispatch(workflow: str, ref: str, inputs: tuple[str, ...], repository: str | None) -> None:
    """Start a GitHub workflow at a branch or tag.

    \b
    Examples:
      slipway ci dispatch deploy.yml --ref v1.4.0 --input dry-run=false
    """
    from slipway.github.client import connect
    from slipway.github.workflows import dispatch as start_workflow

    given = dict(text.partition("=")[::2] for text in inputs)
    start_workflow(connect(repository), workflow, ref, given, stderr_progress)


@click.command()
@settings_option
@repository_option
def register(settings_file: Path, repository: str | None) -> None:
    """Register GitHub's champion in the MLflow registry.

    The registry is that of $MLFLOW_TRACKING_URI; its alias `champion` moves to the release.

    \b
    Examples:
      slipway ci register
    """
    from slipway.errors import NotFoundError
    from slipway.github.client import connect
    from slipway.github.download import fetch_bundle
    from slipway.github.releases import latest_release
    from slipway.rollout.registry_mirror import register_champion
    from slipway.settings.settings import load_settings

    settings, release = load_settings(settings_file), latest_release(connect(repository))
    if release is None:
        raise NotFoundError("GitHub has no champion yet, so there is nothing to register")
    with tempfile.TemporaryDirectory(prefix="slipway-register-") as folder:
        bundle, _ = fetch_bundle(release, Path(folder))
        register_champion(settings, bundle)
    click.echo(f"{bundle.release.version} is registered with the alias 'champion'")
