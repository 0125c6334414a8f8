"""Housekeeping verbs: remove old releases, back up and restore, and keep the locked packages up to date."""

from __future__ import annotations

import datetime
from pathlib import Path

import click
import msgspec

from slipway.cli.github import repository_option
from slipway.cli.options import json_option, open_target, print_json, print_result, settings_option, stderr_progress
from slipway.cli.terminal import print_rows
from slipway.errors import VulnerabilityError

_MEGABYTE = 1e6
folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
file_argument = click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))


@click.command()
@settings_option
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@json_option
def prune(settings_file: Path, dry_run: bool, as_json: bool) -> None:
    """Remove old releases and runs according to [retention].

    Old sealed bundles are removed too. The champion, the release before it and the configured number of earlier releases
    that were not rolled back are always kept.

    \b
    Examples:
      slipway prune --dry-run
      slipway prune
    """
    from slipway.commands.prune import freed_bytes
    from slipway.commands.prune import prune as remove_old

    with stderr_progress.heartbeat("prune"):
        settings, target = open_target(settings_file)
        removed = remove_old(settings, target, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "bytes": freed_bytes(removed), "removed": msgspec.to_builtins(removed)})
        return
    print_rows([(each.kind, each.name, f"{each.bytes / _MEGABYTE:,.1f} MB", each.kept) for each in removed])
    if all(each.kept for each in removed):
        click.echo("nothing to remove")
    else:
        freed = f"{freed_bytes(removed) / _MEGABYTE:,.1f} MB"
        click.echo(f"would free {freed}; nothing was removed" if dry_run else f"freed {freed}")


@click.command()
@file_argument
@settings_option
@json_option
def backup(file: Path, settings_file: Path, as_json: bool) -> None:
    """Back up the target, the bundles and MLflow's store.

    Everything goes into one tar file. Ships and rollouts wait until it is written; servers and batch jobs do not. A
    shared MLflow server is not included.

    \b
    Examples:
      slipway backup /mnt/backups/2026-11-22.tar.gz
    """
    from slipway.commands.backup import backup as write_backup

    with stderr_progress.heartbeat("backup"):
        settings, target = open_target(settings_file)
        manifest = write_backup(settings, target, file.absolute())
    result = {"file": str(file), "at": manifest.at, "champion": manifest.champion, "files": len(manifest.files)}
    sentence = f"backed up {len(manifest.files):,} files to {file}; the champion is {manifest.champion or 'none'}"
    print_result(result, sentence, as_json)


@click.command()
@file_argument
@settings_option
@json_option
def restore(file: Path, settings_file: Path, as_json: bool) -> None:
    """Restore a backup into a project that has no target yet.

    Every file is verified first, and nothing is overwritten.

    \b
    Examples:
      slipway restore /mnt/backups/2026-11-22.tar.gz
    """
    from slipway.commands.restore import restore_backup

    with stderr_progress.heartbeat("restore"):
        settings, target = open_target(settings_file)
        manifest = restore_backup(settings, target, file)
    champion = target.champion()
    name = champion.release.version if champion else None
    result = {"at": manifest.at, "champion": name, "files": len(manifest.files)}
    sentence = f"restored the state of {manifest.at}; {name or 'no release'} is live; check it with `slipway doctor`"
    print_result(result, sentence, as_json)


@click.command("changed-locks")
@folder_argument
def changed_locks(folder: Path) -> None:
    """Save the locks that `make lock` changed, for propose-locks.

    Nothing is committed. The workflow output `changed` is true if a lock differs from the commit that is checked out.

    \b
    Examples:
      slipway ci changed-locks locks/
    """
    from slipway.commands.locks.propose import describe_changes, save_changes
    from slipway.github.workflows import write_outputs, write_summary

    saved, changes = save_changes(Path.cwd(), folder)
    write_outputs(changed="true" if saved.files else "false")
    text = describe_changes(changes, list(saved.files)) if saved.files else "The locks have the newest versions."
    write_summary(text)
    click.echo(text)


@click.command("propose-locks")
@folder_argument
@repository_option
def propose_locks(folder: Path, repository: str | None) -> None:
    """Open or update the pull request with newer locked versions.

    DIR is what changed-locks wrote. There is one branch and one open pull request, which lists each package with its
    versions before and after.

    \b
    Examples:
      slipway ci propose-locks locks/
    """
    from slipway.commands.locks.propose import BRANCH, propose_changes
    from slipway.github.workflows import write_outputs

    proposal = propose_changes(Path.cwd(), folder, repository)
    write_outputs(branch=BRANCH if proposal.url else "")
    click.echo(proposal.url or "the locks of this commit are the same; nothing was proposed")


@click.command()
@click.option(
    "--exceptions",
    type=click.Path(path_type=Path),
    default=Path(".github/audit-exceptions.toml"),
    show_default=True,
    help="Vulnerabilities that are accepted until a day.",
)
def audit(exceptions: Path) -> None:
    """Look for known vulnerabilities of the locked packages.

    The exit code is 32 if there is one without an exception, or if an exception has expired.

    \b
    Examples:
      slipway ci audit
    """
    from slipway.commands.locks.audit import audit as run_audit
    from slipway.commands.locks.exceptions import read_exceptions
    from slipway.commands.locks.lock_files import lock_files
    from slipway.github.workflows import write_summary

    accepted = read_exceptions(exceptions, datetime.datetime.now(datetime.UTC).date())
    result = run_audit(Path.cwd(), lock_files(Path.cwd()), accepted)
    lines = [f"{result.packages} packages were looked up"]
    lines += [f"vulnerable: {finding}" for finding in result.findings]
    lines += [f"accepted: {finding}" for finding in result.accepted]
    lines += [f"the exception for {one.name} is no longer needed; remove it" for one in result.unused]
    write_summary("\n".join(f"- {line}" for line in lines))
    click.echo("\n".join(lines))
    if result.findings:
        count = len(result.findings)
        raise VulnerabilityError(
            f"{count} known {'vulnerability' if count == 1 else 'vulnerabilities'} in the locked packages, in "
            f"{', '.join(sorted({finding.package for finding in result.findings}))}; `make lock UPGRADE=yes` takes newer "
            f"versions, and a line in {exceptions} accepts one for a while"
        )
