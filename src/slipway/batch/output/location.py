"""Check the location of OUT, lock it, and move a finished dataset there."""

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
from slipway.reporting.suggestions import closest_match
from slipway.storage import atomic
from slipway.storage.locks import exclusive_lock
from slipway.tables.input_files import local_folder

FORMATS_BY_SUFFIX: Mapping[str, Format] = {".csv": "csv", ".csv.gz": "csv.gz", ".parquet": "parquet"}
"""Suffixes of an OUT that is a single file, and its format."""
OTHER_FILE_SUFFIXES = frozenset({
    ".arrow", ".avro", ".bz2", ".db", ".dta", ".feather", ".gz", ".h5", ".hdf5", ".htm", ".html", ".json", ".jsonl",
    ".ndjson", ".npy", ".npz", ".ods", ".orc", ".parq", ".pickle", ".pkl", ".pq", ".rds", ".sas7bdat", ".sqlite",
    ".tab", ".tar", ".tsv", ".txt", ".xls", ".xlsb", ".xlsm", ".xlsx", ".xml", ".xz", ".yaml", ".yml", ".zip", ".zst",
})  # fmt: skip
"""Suffixes of data files that are not written: whoever gives one expects a file. Any other suffix is part of a folder's
name, such as `scores.v2`."""
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def check_folder_location(source: str, out: Path) -> None:
    """Check early what would fail only at the end of the job, or would make the output an input of the next job.

    Raises:
        SettingsError: OUT is inside IN, or its suffix is that of a file.
        StorageError: OUT's parent folder does not exist, or OUT is a file.
    """
    _check_folder_name(out)
    _check_folder(source, out)
    if out.exists() and not out.is_dir():
        raise StorageError(f"{out} cannot be written: it is a file; a dataset is a folder")


def check_file_location(source: str, out: Path) -> Format:
    """Check an OUT that is a single file, and return the format that its suffix names.

    Raises:
        SettingsError: OUT is inside IN, or its suffix is not a known format.
        StorageError: OUT's parent folder does not exist, or OUT is a folder.
    """
    found = next((kind for suffix, kind in FORMATS_BY_SUFFIX.items() if out.name.lower().endswith(suffix)), None)
    if found is None:
        raise SettingsError(f"{out} must end in .csv, .csv.gz or .parquet; nothing was written")
    if out.is_dir():
        raise StorageError(f"{out} cannot be written: it is a folder")
    _check_folder(source, out)
    return found


def check_not_an_input(plan: Plan, out: Path) -> None:
    """Check that the output does not overwrite an input file.

    Raises:
        SettingsError: OUT is one of the files of IN.
    """
    if out.exists() and any(file.is_local and out.samefile(file.path) for file in plan.inputs):
        raise SettingsError(f"{out} is both the input and the output; choose another OUT; nothing was written")


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


def is_complete(out: Path, manifest: Mapping[str, Any]) -> bool:
    """Return whether every part in a manifest exists with its recorded size."""
    return all(
        (out / part["name"]).is_file() and (out / part["name"]).stat().st_size == part["bytes"]
        for part in manifest["parts"]
    )


def check_replaceable(out: Path, published: Mapping[str, Any] | None, plan: Plan, overwrite: bool) -> None:
    """Check that OUT is empty, or is a dataset of Slipway that ``overwrite`` allows to replace.

    Raises:
        StorageError: OUT contains something else.
    """
    if not out.exists() or not any(out.iterdir()):
        return
    if published is None:
        raise StorageError(f"{out} is not empty and not a Slipway dataset; nothing was changed; choose another OUT")
    if not overwrite:
        raise StorageError(
            f"{out} contains {_describe_job(published)}, but this job is {_describe_job(plan.identity)}; nothing was "
            "changed; --overwrite replaces it in one step"
        )


def move_into_place(staged: Path, out: Path) -> None:
    """Rename the folder ``staged`` to ``out``; an existing ``out`` takes the name ``staged`` in the same step.

    Raises:
        StorageError: the folder cannot be renamed; ``out`` is unchanged.
    """
    # The files were synced when they were written. Without their folders, a power cut could still lose their names.
    for folder in sorted(path for path in staged.rglob("*") if path.is_dir()):
        atomic.sync_folder(folder)
    atomic.sync_folder(staged)
    try:
        if out.exists():
            _exchange(staged, out)
        else:
            staged.rename(out)
    except OSError as error:
        raise StorageError(f"{out} cannot be replaced: {error.strerror}; it is unchanged") from None
    atomic.sync_folder(out.parent)


def replace_with_copy(folder: Path, destination: Path) -> None:
    """Replace ``destination`` with a copy of a folder."""
    temporary = destination.with_name(f".{destination.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(folder, temporary)
    shutil.rmtree(destination, ignore_errors=True)
    temporary.rename(destination)
    atomic.sync_folder(destination.parent)


def _check_folder_name(out: Path) -> None:
    suffix = out.suffix.lower()
    # A misspelled suffix, such as .cvs or .parqet, is that of a file too.
    if not out.is_dir() and (suffix in OTHER_FILE_SUFFIXES or closest_match(suffix, FORMATS_BY_SUFFIX, cutoff=0.75)):
        raise SettingsError(
            f"{out} cannot be written: a single file must end in .csv, .csv.gz or .parquet, not {out.suffix}; for a "
            "dataset, which is a folder, choose a name without a suffix; nothing was written"
        )


def _check_folder(source: str, out: Path) -> None:
    folder = local_folder(source)
    if folder is not None and out.resolve().is_relative_to(folder):
        raise SettingsError(
            f"{out} is inside the input {folder}, so the next job would read it; choose another OUT; nothing was written"
        )
    if not out.parent.is_dir():
        raise StorageError(f"{out} cannot be written: no such folder: {out.parent}")


def _describe_job(job: Mapping[str, Any]) -> str:
    files = ", ".join(f"{file['name']} ({_digest(file)})" for file in job["inputs"][:2])
    more = f" and {len(job['inputs']) - 2} more" if len(job["inputs"]) > 2 else ""
    return f"{files}{more} scored by {job['release']}"


def _digest(file: Mapping[str, Any]) -> str:
    return str(file.get("sha256") or file.get("etag"))[:12]


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders in one step."""
    # Python has no function for it, so this calls Linux's renameat2(2) with RENAME_EXCHANGE.
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise OSError(errno.ENOSYS, "this system cannot swap two folders in one step; remove the old one yourself")
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
