"""What Spark carries to the executors: the bundle, and our own code as the driver has it."""

from __future__ import annotations

import atexit
import secrets
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import slipway
from slipway.bundle.release_file import Bundle

_sent: dict[tuple[str, str], str] = {}
"""By application and bundle: a notebook's application sees many jobs."""


def send(context: Any, bundle: Bundle) -> str:
    """Hand the bundle and the code to a SparkContext, once; returns the name under which the bundle is unpacked."""
    key = (str(context.applicationId), bundle.digest)
    if key not in _sent:
        _sent[key] = _send(context, bundle)
    return _sent[key]


def _send(context: Any, bundle: Bundle) -> str:
    # The context serves them to every executor that ever joins it, which may be long after this job.
    folder = Path(tempfile.mkdtemp(prefix="slipway-spark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    name = f"{bundle.digest[:12]}-{secrets.token_hex(4)}"
    code = [Path(place) for place in slipway.__path__]
    context.addPyFile(str(_packed(folder / f"slipway-code-{name}.zip", code)))
    archive = _zipped(folder / f"slipway-bundle-{name}.zip", bundle.path)
    context.addArchive(str(archive))
    return archive.name


def _packed(path: Path, packages: list[Path]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for package in packages:
            for file in sorted(package.rglob("*.py")):
                packed.write(file, file.relative_to(package.parent))
    return path


def _zipped(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            packed.write(file, file.relative_to(folder))
    return path
