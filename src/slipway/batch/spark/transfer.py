"""Send the code and the bundle to the executors, and save what they return: raise errors, write files."""

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
"""Names of the archives that were sent, by application and bundle: a notebook runs many jobs in one application."""


def send(context: Any, bundle: Bundle) -> str:
    """Send the bundle and the code to a SparkContext once; return the name under which the bundle is unpacked."""
    key = (str(context.applicationId), bundle.digest)
    if key not in _archive_names:
        _archive_names[key] = _send(context, bundle)
    return _archive_names[key]


def _send(context: Any, bundle: Bundle) -> str:
    # The context sends these files to every executor that joins, even long after this job, so they are kept until exit.
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
    """Return the report at the end of a task's output.

    Raises:
        SlipwayError: the task failed with an error of Slipway.
    """
    for text in result["error"].drop_null().to_pylist():
        error = json.loads(text)
        raise (error_for(error["exit_code"]) or SparkError)(error["message"])
    (last,) = result["report"].drop_null().to_pylist()
    report: TaskReport = json.loads(last)
    return report


def save_part(checkpoint: Checkpoint, result: pa.Table) -> TaskReport:
    """Write the files and the record of a part into the checkpoint, as the local engine does.

    Raises:
        SparkError: the bytes differ from those that the task wrote.
        StorageError: the disk is full or cannot be written.
    """
    report = read_report(result)
    record = PartRecord(**report["record"])
    for name, sha256 in {record.name: record.sha256, **record.quarantine}.items():
        content = _content(result, name)
        if (received := hashlib.sha256(content).hexdigest()) != sha256:
            raise SparkError(
                f"{name}: expected SHA-256 {sha256}, got {received} from Spark; no dataset was published; run the job again"
            )
        path = checkpoint.dataset / name
        path.parent.mkdir(exist_ok=True)
        atomic.write_file(path, content)
    checkpoint.save_record(record)
    return report


def _content(result: pa.Table, name: str) -> bytes:
    slices = zip(result["file"], result["content"], strict=True)
    return b"".join(content.as_buffer() for file, content in slices if file.as_py() == name)
