"""Write one file with the MLflow store and the target as they are at one point in time."""

from __future__ import annotations

import hashlib
import io
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from slipway.errors import NotFoundError, StorageError
from slipway.settings.settings import Settings
from slipway.settings.state_folder import bundles_folder, ship_lock
from slipway.storage.clock import now
from slipway.target.journal import JOURNAL_FILE, current_actor
from slipway.target.target import Target

MANIFEST_FILE = "manifest.json"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """List the files of a backup with their sha256, and record where and when it was taken."""

    format: int
    at: str
    root: str
    champion: str | None
    files: dict[str, str]


def backup(settings: Settings, target: Target, into: Path) -> Manifest:
    """Write store, artifacts, sealed bundles and target into one tar file, which appears only when it is complete.

    Ships and rollouts wait while it is written; servers and batch jobs do not.

    Raises:
        BusyError: a ship or another command is running.
        NotFoundError: there is nothing to back up.
        StorageError: the file cannot be written, or it exists already.
    """
    if into.exists():
        raise StorageError(f"{into} exists already; name another file; nothing was written")
    with ExitStack() as stack:
        stack.enter_context(ship_lock(settings))
        if target.path.exists():
            stack.enter_context(target.lock(current_actor()))
        work = stack.enter_context(TemporaryDirectory(prefix="slipway-backup-"))
        return _write_archive(settings, target, into, Path(work))


def backup_paths(settings: Settings, target: Target) -> dict[str, Path]:
    """Return the files and folders of a backup by their names in it, in the order in which they are restored."""
    # The store comes before the artifacts, so that every run that it lists as finished has its files.
    return {
        "store/mlflow.db": settings.root / "mlflow.db",
        "artifacts": settings.root / "mlartifacts",
        "bundles": bundles_folder(settings),
        "target/records": target.path / "records",
        f"target/{JOURNAL_FILE}": target.journal,
        "target/releases": target.path / "releases",
    }


def _write_archive(settings: Settings, target: Target, into: Path, work_folder: Path) -> Manifest:
    database, files = settings.root / "mlflow.db", dict[str, str]()
    # A hidden file beside the final one: a rename within a folder is atomic.
    partial = into.with_name(f".{into.name}.tmp")
    try:
        with tarfile.open(partial, "w:gz" if into.name.endswith("gz") else "w") as tar:
            for prefix, path in backup_paths(settings, target).items():
                source = _copy_database(database, work_folder) if path == database and database.exists() else path
                for name, file in list_files(prefix, source):
                    files[name] = _add_file(tar, name, file)
            if not files:
                raise NotFoundError(f"nothing to back up: no store in {settings.root} and no target {target}")
            manifest = Manifest(
                format=1, at=now(), root=str(settings.root), champion=target.champion_folder(), files=files
            )
            _add_bytes(tar, MANIFEST_FILE, msgspec.json.format(msgspec.json.encode(manifest)))
        partial.replace(into)
    except OSError as error:
        raise StorageError(f"{into} cannot be written: {error.strerror or error}; no partial file was left") from None
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def _copy_database(database: Path, work_folder: Path) -> Path:
    # SQLite's own backup is consistent while others write; a copy of the file is not.
    copy = work_folder / database.name
    with closing(sqlite3.connect(database)) as store, closing(sqlite3.connect(copy)) as other:
        store.backup(other)
    return copy


def list_files(name: str, path: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file of a folder (or the file itself) by its name in the backup, without leftovers of killed commands."""
    if path.is_file():
        yield name, path
    for file in sorted(path.rglob("*")) if path.is_dir() else ():
        relative = file.relative_to(path)
        if file.is_file() and not (relative.parts[0].startswith(".") and relative.parts[0].endswith(".tmp")):
            yield f"{name}/{relative.as_posix()}", file


class _HashingReader(io.FileIO):
    """A file that hashes what is read from it, in order."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.digest = hashlib.sha256()

    def read(self, size: int | None = -1) -> bytes:
        """Read from the file and add what was read to the digest."""
        content = super().read(size)
        self.digest.update(content)
        return content


def _add_file(tar: tarfile.TarFile, name: str, file: Path) -> str:
    """Add a file and return the digest of exactly the bytes that were added."""
    info = tar.gettarinfo(str(file), arcname=name)
    with _HashingReader(file) as source:
        tar.addfile(info, source)
    return source.digest.hexdigest()


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))
