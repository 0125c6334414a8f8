"""Housekeeping verbs: remove old releases, back up and restore."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from slipway.cli.options import json_option, open_target, print_json, print_result, settings_option, stderr_progress
from slipway.cli.terminal import print_rows

_MEGABYTE = 1e6
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
