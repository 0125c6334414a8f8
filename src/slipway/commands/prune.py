"""Remove old releases of a target, old sealed bundles and old pipeline runs, beyond the numbers in ``[retention]``."""

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
    """A thing that was removed, or would be, and its size; ``kept`` is the reason if it was kept."""

    kind: Kind
    name: str
    bytes: int
    kept: str = ""


def prune(settings: Settings, target: Target, *, dry_run: bool) -> list[Removed]:
    """Remove what exceeds ``[retention]``.

    The champion, the release before it, and the configured number of earlier good releases are never touched, in the
    target or among the sealed bundles. The ``release.json`` of a removed release is kept as a record for the history.
    The registry, the journal and everything that is in use are left alone.

    Raises:
        NotFoundError: the target does not exist.
        BusyError: a ship or another command is running.
        StorageError: something cannot be removed; everything else was removed completely or not at all.
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
    """Yield the folders of the champion, of the release before it (even a bad one), and of ``keep_count`` good ones."""
    champion, bad = target.champion_folder(), target.rolled_back_releases()
    past = dict.fromkeys(entry.folder for entry in reversed(target.past_champions()) if entry.folder)
    others = [folder for folder in past if folder != champion]
    yield from [champion] if champion else []
    yield from others[:1]
    yield from [folder for folder in others if folder not in bad][:keep_count]


def prune_target(target: Target, keep_count: int, *, dry_run: bool) -> Iterator[Removed]:
    """Remove the releases of a target that are too old to roll back to; the caller holds the target's lock."""
    if not dry_run:
        settle_locked(target)
    needed = set(protected_folders(target, keep_count))
    digests = {entry.folder: entry.digest for entry in target.past_champions()}
    for name in target.releases():
        # `doctor` removes copies that never were champion. A folder that the journal does not name can be in use elsewhere.
        if name in needed or name not in digests:
            continue
        folder = target.release_path(name)
        removed = Removed("release", name, _folder_size(folder))
        if not wait_until_released(target.path, digests[name] or "", 0):
            yield msgspec.structs.replace(removed, kept="a server is still using it")
            continue
        if not dry_run:
            _save_record(target, name)
            atomic.remove_folder(folder)
        yield removed


def _save_record(target: Target, name: str) -> None:
    record = target.record_path(name)
    release = target.release_path(name) / RELEASE_FILE
    if not record.exists() and release.is_file():
        record.parent.mkdir(exist_ok=True)
        atomic.write_file(record, release.read_bytes())


def _prune_bundles(settings: Settings, target: Target, protected: set[str], dry_run: bool) -> Iterator[Removed]:
    """Remove sealed bundles, except the newest ones that never were champion: they can still be rolled out."""
    was_champion = {entry.folder for entry in target.past_champions()}
    newest = sorted(bundles_folder(settings).glob("[!.]*"), key=lambda path: path.stat().st_mtime, reverse=True)
    waiting = [path for path in newest if path.name not in was_champion][: settings.retention.releases]
    for folder in newest:
        if folder.name in protected or folder in waiting:
            continue
        removed = Removed("bundle", folder.name, _folder_size(folder))
        if not dry_run:
            atomic.remove_folder(folder)
        yield removed


def _folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def freed_bytes(removed: Sequence[Removed]) -> int:
    """Return how many bytes were freed, or would be."""
    return sum(each.bytes for each in removed if not each.kept)
