"""What nobody needs any more: old releases of a target, sealed bundles and pipeline runs, beyond a stated number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from slipway.bundle.release_file import RELEASE_FILE
from slipway.pipeline.tracking.runs import delete_runs, old_runs
from slipway.settings.settings import Settings
from slipway.settings.state_folder import bundles_folder, ship_lock
from slipway.storage import atomic
from slipway.target.journal import current_actor
from slipway.target.readiness import wait_until_released
from slipway.target.target import Target
from slipway.target.transaction import settle_locked

Kind = Literal["release", "bundle", "run"]


class Removed(msgspec.Struct, frozen=True):
    """One thing that was removed, or would be, and how many bytes it had; ``kept`` says why it was not."""

    kind: Kind
    name: str
    bytes: int
    kept: str = ""


def prune(settings: Settings, target: Target, *, dry_run: bool) -> list[Removed]:
    """Remove what is beyond ``[retention]``.

    The champion, the release before it, and as many earlier good ones as the setting says are never touched, in the
    target or among the sealed bundles. Of a release that goes, its ``release.json`` is kept as a record, so that the
    history can still be told. The registry, the journal and whatever is at work now are left alone.

    Raises:
        NotFoundError: there is no target.
        BusyError: a ship or another command is at work.
        StorageError: something cannot be removed; what is gone is gone whole.
        TrackingError: the MLflow store cannot be opened.
    """
    number = settings.retention.releases
    with ship_lock(settings), target.lock(current_actor()):
        done = list(prune_target(target, number, dry_run=dry_run))
        done += _prune_bundles(settings, target, set(protected_folders(target, number)), dry_run)
        runs = old_runs(settings, settings.retention.runs)
        if not dry_run:
            delete_runs(settings, runs)
        return [*done, *(Removed("run", f"{run.name} {run.id}", run.size) for run in runs)]


def protected_folders(target: Target, keep_count: int) -> Iterator[str]:
    """The champion's folder, the one before it whatever became of it, and the last ``number`` that were not bad."""
    champion, bad = target.champion_folder(), target.rolled_back_releases()
    past = dict.fromkeys(entry.folder for entry in reversed(target.past_champions()) if entry.folder)
    others = [folder for folder in past if folder != champion]
    yield from [champion] if champion else []
    yield from others[:1]
    yield from [folder for folder in others if folder not in bad][:keep_count]


def prune_target(target: Target, keep_count: int, *, dry_run: bool) -> Iterator[Removed]:
    """Remove the releases of a target that nothing goes back to; the caller holds its lock."""
    if not dry_run:
        settle_locked(target)
    needed = set(protected_folders(target, keep_count))
    digests = {entry.folder: entry.digest for entry in target.past_champions()}
    for name in target.releases():
        # What never was champion is a copy that `doctor` clears; what the journal does not know is not ours to judge.
        if name in needed or name not in digests:
            continue
        folder = target.release_path(name)
        gone = Removed("release", name, _folder_size(folder))
        if not wait_until_released(target.path, digests[name] or "", 0):
            yield msgspec.structs.replace(gone, kept="a server still serves it")
            continue
        if not dry_run:
            _save_record(target, name)
            atomic.remove_folder(folder)
        yield gone


def _save_record(target: Target, name: str) -> None:
    record = target.record_path(name)
    release = target.release_path(name) / RELEASE_FILE
    if not record.exists() and release.is_file():
        record.parent.mkdir(exist_ok=True)
        atomic.write_file(record, release.read_bytes())


def _prune_bundles(settings: Settings, target: Target, protected: set[str], dry_run: bool) -> Iterator[Removed]:
    """Of those that never were champion, the newest may yet be rolled out."""
    was_champion = {entry.folder for entry in target.past_champions()}
    newest = sorted(bundles_folder(settings).glob("[!.]*"), key=lambda path: path.stat().st_mtime, reverse=True)
    waiting = [path for path in newest if path.name not in was_champion][: settings.retention.releases]
    for folder in newest:
        if folder.name in protected or folder in waiting:
            continue
        gone = Removed("bundle", folder.name, _folder_size(folder))
        if not dry_run:
            atomic.remove_folder(folder)
        yield gone


def _folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def freed_bytes(removed: Sequence[Removed]) -> int:
    """The bytes that are free now, or would be."""
    return sum(each.bytes for each in removed if not each.kept)
