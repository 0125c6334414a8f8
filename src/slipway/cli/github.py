"""Verbs about GitHub: a release's page, who is Latest there, and what a serving host brings from it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from slipway.cli.options import open_target, retry_on_github, settings_option, stderr_progress


def _parse_release(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    from slipway.versioning.semver import tag_of

    return tag_of(value) if value is not None else None


tag_argument = click.argument("tag", metavar="vX.Y.Z", callback=_parse_release)
repository_option = click.option(
    "--repository", metavar="OWNER/NAME", help="The GitHub repository; by default the workflow's, or that of origin."
)
files_option = click.option(
    "--files", type=click.Path(path_type=Path), default=Path("dist"), show_default=True, help="The release's files."
)
rollback_option = click.option("--rollback", is_flag=True, help="Go back to this earlier release.")


@click.command("release-plan", epilog="Example: slipway release-plan v1.4.0")
@tag_argument
@settings_option
@repository_option
def release_plan(tag: str, settings_file: Path, repository: str | None) -> None:
    """Say what is still to do for a tag, before anything is trained; deploy.yml begins with it."""
    from slipway.github.client import connect
    from slipway.github.releases import STATE_SENTENCES, state_of
    from slipway.github.workflows import write_outputs, write_summary
    from slipway.versioning.checkout_version import check_checkout

    check_checkout(settings_file.absolute().parent, tag)
    state = state_of(connect(repository), tag)
    write_outputs(tag=tag, state=state)
    write_summary(f"**{tag}**: {STATE_SENTENCES[state]}.")
    click.echo(f"{tag}: {STATE_SENTENCES[state]}")


@click.command("make-release", epilog="Example: slipway make-release dist/")
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@settings_option
@repository_option
def make_release(out: Path, settings_file: Path, repository: str | None) -> None:
    """Train, gate and seal the release whose tag is checked out, and leave its page's files in DIR."""
    from slipway.bundle.verdict import verdict_table
    from slipway.commands.make_release import make_release as made_release
    from slipway.commands.rehearse import open_baselines
    from slipway.github.workflows import write_outputs, write_summary
    from slipway.settings.settings import load_settings

    settings = load_settings(settings_file)
    with open_baselines(settings, github=True, repository=repository) as opponents:
        made = made_release(settings, opponents, into=out, progress=stderr_progress)
    write_outputs(verdict=made.verdict.verdict, digest=made.sums_digest)
    parts = [f"## {made.release}: {made.verdict.verdict}", verdict_table(made.verdict), made.rehearsal_note]
    write_summary("\n\n".join(filter(None, parts)))
    click.echo(
        f"{made.verdict.verdict} {made.release}: its files are in {out}, SHA256SUMS has the sha256 {made.sums_digest}"
    )


@click.command(epilog="Example: slipway sign dist/")
@click.argument("files", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--digest", help="What the sha256 of SHA256SUMS must be.")
@click.option("--private", is_flag=True, envvar="PRIVATE", help="Sign with a key or not at all: never in a public log.")
def sign(files: Path, digest: str | None, private: bool) -> None:
    """Sign the bundle among a release's files: with $SLIPWAY_SIGNING_KEY, or as the workflow that runs this."""
    from slipway.bundle.release_assets import check_sums, sign_bundle
    from slipway.bundle.signature import KEY_VARIABLE

    check_sums(files, digest)
    if private and not os.environ.get(KEY_VARIABLE):
        click.echo(
            f"not signed: a keyless signature would name this private repository in a public log; set {KEY_VARIABLE}"
        )
        return
    click.echo(f"signed: {sign_bundle(files)}")


@click.command("release-page", epilog="Example: slipway release-page v1.4.0 --files dist/")
@tag_argument
@files_option
@click.option("--digest", help="What the sha256 of SHA256SUMS must be, as make-release said it.")
@repository_option
def release_page(tag: str, files: Path, digest: str | None, repository: str | None) -> None:
    """Make the GitHub release of a tag true: draft, assets, check, publish; repairs a half-made one."""
    from slipway.github.release_page import publish

    click.echo(retry_on_github(lambda on: publish(on, tag, files, digest=digest, say=stderr_progress), repository))


@click.command("report-refusal", epilog="Example: slipway report-refusal v1.4.0 --files dist/")
@tag_argument
@files_option
@repository_option
def report_refusal(tag: str, files: Path, repository: str | None) -> None:
    """Open one issue for a release that the gate refused."""
    from slipway.github.issues import open_refusal_issue

    click.echo(retry_on_github(lambda on: open_refusal_issue(on, tag, files), repository))


@click.command(epilog='Example: slipway promote v1.4.0; slipway promote v1.3.2 --rollback --reason "scores drifted"')
@tag_argument
@rollback_option
@click.option("--reason", default="", help="Why, for the record.")
@repository_option
def promote(tag: str, rollback: bool, reason: str, repository: str | None) -> None:
    """Crown a published release as Latest, and write down who did it, from what and why."""
    from slipway.github.promote import promote as promoted
    from slipway.target.journal import current_actor

    why = reason if rollback else reason or "released"
    retry_on_github(
        lambda on: promoted(on, tag, who=current_actor(), reason=why, rollback=rollback, say=stderr_progress),
        repository,
    )


@click.command(epilog="Example: slipway pull; slipway pull v1.4.0")
@click.argument("tag", metavar="[vX.Y.Z]", required=False, callback=_parse_release)
@rollback_option
@click.option("--reason", default="", help="Why, for the journal.")
@settings_option
@repository_option
def pull(tag: str | None, rollback: bool, reason: str, settings_file: Path, repository: str | None) -> None:
    """Bring a published release onto this host's target: the named one, or the one that is Latest."""
    from slipway.commands.pull import REMOTE_PREFIX, follow_latest, pull_tag
    from slipway.target.journal import current_actor
    from slipway.target.target import trust_of

    settings, target = open_target(settings_file)
    trust = trust_of(settings)
    if tag is None:
        retry_on_github(lambda on: follow_latest(target, on, trust=trust, progress=stderr_progress), repository)
        return
    why = reason if rollback else reason or "released"
    who = REMOTE_PREFIX + current_actor() if os.environ.get("GITHUB_ACTIONS") == "true" else current_actor()
    retry_on_github(
        lambda on: pull_tag(
            target, on, tag, reason=why, who=who, rollback=rollback, trust=trust, progress=stderr_progress
        ),
        repository,
    )


@click.command(epilog="Example: slipway dispatch deploy.yml --ref v1.4.0 --input dry-run=false")
@click.argument("workflow")
@click.option("--ref", required=True, help="The branch or tag whose workflow file runs.")
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the workflow.")
@repository_option
def dispatch(workflow: str, ref: str, inputs: tuple[str, ...], repository: str | None) -> None:
    """Start a workflow at a ref."""
    from slipway.github.client import connect
    from slipway.github.workflows import dispatch as dispatched

    given = dict(text.partition("=")[::2] for text in inputs)
    dispatched(connect(repository), workflow, ref, given, stderr_progress)


@click.command(epilog="Example: slipway register")
@settings_option
@repository_option
def register(settings_file: Path, repository: str | None) -> None:
    """Mirror GitHub's champion in the MLflow registry of $MLFLOW_TRACKING_URI."""
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
    click.echo(f"{bundle.release.version} is the registry's champion")
