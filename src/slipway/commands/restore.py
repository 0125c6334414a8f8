"""Restore the MLflow store and the target from a backup, into a project that has neither."""

from __future__ import annotations

import os
import sqlite3
import tarfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from slipway.commands.backup import MANIFEST_FILE, Manifest, backup_paths
from slipway.errors import BundleError, NotFoundError, StorageError
from slipway.settings.settings import Settings
from slipway.settings.state_folder import ship_lock
from slipway.storage import atomic
from slipway.storage.archives import extract
from slipway.storage.digests import file_digest
from slipway.target.journal import current_actor
from slipway.target.target import Target

PATH_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""The table columns in which MLflow keeps absolute paths."""


def restore_backup(settings: Settings, target: Target, backup: Path) -> Manifest:
    """Unpack a backup, verify every file, and move the files into place.

    MLflow's absolute paths are changed to this project's folder.

    Raises:
        NotFoundError: the file does not exist or is not a backup.
        StorageError: something exists already, or cannot be written.
        BundleError: a file differs from the one that was backed up.
    """
    paths = backup_paths(settings, target)
    with ship_lock(settings), target.lock(current_actor(), create=True):
        if existing := [str(path) for path in (*paths.values(), target.current) if os.path.lexists(path)]:
            raise StorageError(f"{', '.join(existing)} would be overwritten; move that away first; nothing was changed")
        with TemporaryDirectory(prefix=".slipway-backup-", dir=settings.root) as work:
            manifest = _unpack(backup, Path(work))
            _rewrite_paths(Path(work) / "store" / "mlflow.db", manifest.root, settings.root)
            for name, path in paths.items():
                _move_into_place(Path(work) / name, path)
        # The link to the champion comes last, so nothing can serve before every file is in place.
        if manifest.champion:
            target.flip(manifest.champion)
    return manifest


def _unpack(backup: Path, work_folder: Path) -> Manifest:
    if not backup.exists():
        raise NotFoundError(f"{backup}: no such file; nothing was changed")
    try:
        with tarfile.open(backup) as tar:
            extract(tar, work_folder)
        manifest = msgspec.json.decode((work_folder / MANIFEST_FILE).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise NotFoundError(f"{backup} is not a backup: it has no {MANIFEST_FILE}; nothing was changed") from None
    except (tarfile.TarError, EOFError, msgspec.DecodeError) as error:
        raise BundleError(f"{backup} is not a complete backup: {error}; nothing was changed") from None
    _check_digests(backup, work_folder, manifest.files)
    return manifest


def _check_digests(backup: Path, work_folder: Path, files: Mapping[str, str]) -> None:
    unpacked = {path.relative_to(work_folder).as_posix() for path in work_folder.rglob("*") if path.is_file()} - {
        MANIFEST_FILE
    }
    for name in sorted({*files, *unpacked}):
        path = work_folder / name
        found = file_digest(path) if path.is_file() else "missing"
        if found != files.get(name):
            raise BundleError(
                f"'{name}' in {backup} differs from what was backed up: expected sha256 {files.get(name, 'nothing')}, "
                f"got {found}; nothing was changed"
            )


def _rewrite_paths(database: Path, old_root: str, new_root: Path) -> None:
    if not database.exists() or old_root == str(new_root):
        return
    with closing(sqlite3.connect(database)) as store, store:
        for table, column in PATH_COLUMNS:
            moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608  # table and column are constants above
            store.execute(moved, (old_root, str(new_root)))


def _move_into_place(source: Path, path: Path) -> None:
    """Move a file or folder into place atomically, even to another disk."""
    if source.is_dir():
        atomic.publish_folder(source, path)
    elif source.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_file(path, source.read_bytes())
