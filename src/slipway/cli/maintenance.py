"""Verbs that keep house: remove what nobody needs any more, back up, and bring back."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from slipway.cli.options import json_option, open_target, print_json, print_result, settings_option
from slipway.cli.terminal import print_rows

_MEGABYTE = 1e6
file_argument = click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))


@click.command(epilog="Example: slipway prune --dry-run")
@settings_option
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@json_option
def prune(settings_file: Path, dry_run: bool, as_json: bool) -> None:
    """Remove old releases, sealed bundles and pipeline runs beyond what [retention] says.

    Never the champion, the release before it, nor one of the earlier good ones that the setting counts.
    """
    from slipway.commands.prune import freed_bytes
    from slipway.commands.prune import prune as pruned

    settings, target = open_target(settings_file)
    removed = pruned(settings, target, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "bytes": freed_bytes(removed), "removed": msgspec.to_builtins(removed)})
        return
    print_rows([(each.kind, each.name, f"{each.bytes / _MEGABYTE:,.1f} MB", each.kept) for each in removed])
    free = f"{freed_bytes(removed) / _MEGABYTE:,.1f} MB"
    click.echo(f"{free} would be free; nothing was removed" if dry_run else f"{free} are free")


@click.command(epilog="Example: slipway backup /mnt/backups/2026-11-22.tar.gz")
@file_argument
@settings_option
@json_option
def backup(file: Path, settings_file: Path, as_json: bool) -> None:
    """Write MLflow's store, its artifacts, the sealed bundles and the target into one file.

    Ships and rollouts wait meanwhile; servers and batch jobs do not. A team's MLflow server is not in it.
    """
    from slipway.commands.backup import backup as backed_up

    settings, target = open_target(settings_file)
    manifest = backed_up(settings, target, file.absolute())
    result = {"file": str(file), "at": manifest.at, "champion": manifest.champion, "files": len(manifest.files)}
    sentence = f"{file} holds {len(manifest.files):,} files; the champion is {manifest.champion or 'none'}"
    print_result(result, sentence, as_json)


@click.command(epilog="Example: slipway restore /mnt/backups/2026-11-22.tar.gz")
@file_argument
@settings_option
@json_option
def restore(file: Path, settings_file: Path, as_json: bool) -> None:
    """Bring store and target back from a backup, where there is neither; every byte is checked first."""
    from slipway.commands.restore import restore_backup

    settings, target = open_target(settings_file)
    manifest = restore_backup(settings, target, file)
    champion = target.champion()
    name = champion.release.version if champion else None
    result = {"at": manifest.at, "champion": name, "files": len(manifest.files)}
    sentence = f"all is as it was at {manifest.at}: {name or 'nothing'} serves; `slipway doctor` examines it"
    print_result(result, sentence, as_json)
