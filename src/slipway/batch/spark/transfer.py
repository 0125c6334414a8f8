"""What Spark carries to the executors, our code and the bundle, and what comes back: errors are raised, files kept."""

from __future__ import annotations

import atexit
import hashlib
import json
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

import slipway
from slipway.batch.output.checkpoint import Checkpoint, PartRecord
from slipway.bundle.release_file import Bundle
from slipway.errors import SparkError, error_for
from slipway.storage import atomic

TaskReport = dict[str, Any]
_archive_names: dict[tuple[str, str], str] = {}
"""By application and bundle: a notebook's application sees many jobs."""


def send(context: Any, bundle: Bundle) -> str:
    """Hand the bundle and the code to a SparkContext, once; returns the name under which the bundle is unpacked."""
    key = (str(context.applicationId), bundle.digest)
    if key not in _archive_names:
        _archive_names[key] = _send(context, bundle)
    return _archive_names[key]


def _send(context: Any, bundle: Bundle) -> str:
    # The context serves them to every executor that ever joins it, which may be long after this job.
    folder = Path(tempfile.mkdtemp(prefix="slipway-spark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    name = f"{bundle.digest[:12]}-{secrets.token_hex(4)}"
    package = Path(slipway.__path__[0])
    code = _zip(folder / f"slipway-code-{name}.zip", package.rglob("*.py"), package.parent)
    archive = _zip(folder / f"slipway-bundle-{name}.zip", bundle.path.rglob("*"), bundle.path)
    context.addPyFile(str(code))
    context.addArchive(str(archive))
    return archive.name


def _zip(path: Path, files: Iterable[Path], root: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(file for file in files if file.is_file()):
            packed.write(file, file.relative_to(root))
    return path


def read_report(result: pa.Table) -> TaskReport:
    """What a task told at its end.

    Raises:
        SlipwayError: the task met an error of ours.
    """
    for error in result["error"].drop_null().to_pylist():
        told = json.loads(error)
        raise (error_for(told["exit_code"]) or SparkError)(told["message"])
    (last,) = result["told"].drop_null().to_pylist()
    found: TaskReport = json.loads(last)
    return found


def save_part(checkpoint: Checkpoint, result: pa.Table) -> TaskReport:
    """Write the files of a part and its record, as if it had been made here.

    Raises:
        SparkError: the bytes are not those that the task wrote.
        StorageError: the disk is full or the like.
    """
    told = read_report(result)
    record = PartRecord(**told["record"])
    for name, sha256 in {record.name: record.sha256, **record.quarantine}.items():
        content = _content(result, name)
        if (came := hashlib.sha256(content).hexdigest()) != sha256:
            raise SparkError(f"{name} came from Spark with the sha256 {came} but was made with {sha256}")
        path = checkpoint.dataset / name
        path.parent.mkdir(exist_ok=True)
        atomic.write_file(path, content)
    checkpoint.save_record(record)
    return told


def _content(result: pa.Table, name: str) -> bytes:
    slices = zip(result["file"], result["content"], strict=True)
    return b"".join(content.as_buffer() for file, content in slices if file.as_py() == name)
