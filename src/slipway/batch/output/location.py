"""Where a dataset goes: may it stand there, is it there already, is another job at work on it? And putting it there."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from slipway.batch.plan import Format, Plan
from slipway.errors import BusyError, SettingsError, StorageError
from slipway.storage import atomic
from slipway.storage.locks import exclusive_lock
from slipway.tables.input_files import local_folder

FORMATS_BY_SUFFIX: Mapping[str, Format] = {".csv": "csv", ".csv.gz": "csv.gz", ".parquet": "parquet"}
"""The suffixes of an OUT that is one file, and how it is written."""
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def check_folder_location(source: str, out: Path) -> None:
    """Refuse what could only fail at the end of the job, or would make the output an input of the next.

    Raises:
        SettingsError: OUT is inside IN.
        StorageError: OUT's own folder does not exist, or a file has its name.
    """
    _check_folder(source, out)
    if out.exists() and not out.is_dir():
        raise StorageError(f"{out} cannot be written: it is a file; a dataset is a folder")


def check_file_location(source: str, out: Path) -> Format:
    """The same for an OUT that is one file; returns how it is written, which its name says.

    Raises:
        SettingsError: OUT is inside IN, or its suffix is none that we write.
        StorageError: OUT's own folder does not exist, or a folder has its name.
    """
    found = next((kind for suffix, kind in FORMATS_BY_SUFFIX.items() if out.name.lower().endswith(suffix)), None)
    if found is None:
        raise SettingsError(f"{out} must end in .csv, .csv.gz or .parquet, which says how it is written")
    if out.is_dir():
        raise StorageError(f"{out} cannot be written: it is a folder")
    _check_folder(source, out)
    return found


def check_not_an_input(plan: Plan, out: Path) -> None:
    """Refuse to write over a file that is read.

    Raises:
        SettingsError: OUT is one of the files of IN.
    """
    if out.exists() and any(file.is_local and out.samefile(file.path) for file in plan.inputs):
        raise SettingsError(f"{out} is both the input and the output; give the output another name")


def output_lock(out: Path) -> AbstractContextManager[None]:
    """Hold the lock file ``.OUT.lock`` and remove it at the end; the next job removes that of a killed one.

    A lock file that stayed beside the dataset would make a checkout dirty, and the next release with it.

    Raises:
        BusyError: another job is writing to OUT.
        StorageError: the folder of OUT cannot be written.
    """
    return exclusive_lock(
        out.with_name(f".{out.name}.lock"),
        "slipway batch",
        busy_error=lambda holder: BusyError(
            f"{holder} is writing to {out}; nothing was changed; try again when it has finished"
        ),
        unwritable_error=lambda error: StorageError(f"{out} cannot be written: {error.strerror}; nothing was changed"),
        remove=True,
    )


def is_whole(out: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether every part that a manifest names is there with its size."""
    return all(
        (out / part["name"]).is_file() and (out / part["name"]).stat().st_size == part["bytes"]
        for part in manifest["parts"]
    )


def check_replaceable(out: Path, published: Mapping[str, Any] | None, plan: Plan, overwrite: bool) -> None:
    """Refuse to replace what is not ours, and what is unless ``overwrite`` says so.

    Raises:
        StorageError: OUT holds something else.
    """
    if not out.exists() or not any(out.iterdir()):
        return
    if published is None:
        raise StorageError(f"{out} is not empty and no dataset of Slipway; it is as it was; choose another OUT")
    if not overwrite:
        raise StorageError(
            f"{out} holds {_describe_job(published)}, and this job is {_describe_job(plan.identity)}; it is as it was; "
            "--overwrite replaces it in one step"
        )


def move_into_place(staged: Path, out: Path) -> None:
    """Give the folder ``made`` the name ``out``; what stood there takes the name ``made`` in the same instant.

    Raises:
        StorageError: it cannot be renamed; ``out`` is as it was.
    """
    for folder in sorted(path for path in staged.rglob("*") if path.is_dir()):
        atomic.sync_folder(folder)
    atomic.sync_folder(staged)
    try:
        if out.exists():
            _exchange(staged, out)
        else:
            staged.rename(out)
    except OSError as error:
        raise StorageError(f"{out} cannot be replaced: {error.strerror}; it is as it was") from None
    atomic.sync_folder(out.parent)


def replace_with_copy(folder: Path, destination: Path) -> None:
    """Replace ``destination`` by a copy of a folder of files."""
    temporary = destination.with_name(f".{destination.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(folder, temporary)
    shutil.rmtree(destination, ignore_errors=True)
    temporary.rename(destination)
    atomic.sync_folder(destination.parent)


def _check_folder(source: str, out: Path) -> None:
    folder = local_folder(source)
    if folder is not None and out.resolve().is_relative_to(folder):
        raise SettingsError(f"{out} is inside the input {folder}, so the next job would read it; choose another place")
    if not out.parent.is_dir():
        raise StorageError(f"{out} cannot be written: there is no folder {out.parent}")


def _describe_job(job: Mapping[str, Any]) -> str:
    files = ", ".join(f"{file['name']} ({_digest(file)})" for file in job["inputs"][:2])
    more = f" and {len(job['inputs']) - 2} more" if len(job["inputs"]) > 2 else ""
    return f"{files}{more} scored by {job['release']}"


def _digest(file: Mapping[str, Any]) -> str:
    return str(file.get("sha256") or file.get("etag"))[:12]


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders in one step, which Python has no function for."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise OSError(errno.ENOSYS, "this system cannot swap two folders in one step; remove the old one yourself")
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
