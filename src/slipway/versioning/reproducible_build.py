"""Build a Python package so that the same source always gives the same bytes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import tomlkit

from slipway.errors import ReleaseError, StorageError
from slipway.storage import atomic
from slipway.versioning.git.command import last_line, plain_environment


def stamp_version(project: Path, version: str) -> None:
    """Write the version into a pyproject.toml."""
    document = tomlkit.parse(project.read_text(encoding="utf-8"))
    document["project"]["version"] = version
    project.write_text(tomlkit.dumps(document), encoding="utf-8")


def build_reproducibly(source: Path, out: Path, time: str, *options: str) -> list[Path]:
    """Build the package in ``source`` into ``out``; the same source and ``time`` (Unix seconds) give the same bytes.

    Raises:
        ReleaseError: the build failed.
    """
    # --no-isolation: the build backend of our locked environment, not a newer one that `build` would download.
    command = [sys.executable, "-I", "-m", "build", "--no-isolation", "--outdir", str(out), *options, str(source)]
    # All that can vary between two builds: https://reproducible-builds.org/docs/source-date-epoch/
    environment = {**plain_environment(), "SOURCE_DATE_EPOCH": time, "PYTHONHASHSEED": "0", "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise ReleaseError(f"the package could not be built: {_reason(done.stdout + done.stderr)}; nothing was kept")
    return sorted(out.iterdir())


def keep_package(name: str, content: bytes, out: Path) -> Path:
    """Write a finished package into the folder ``out`` and return the file.

    Raises:
        StorageError: the folder cannot be created, or the file cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{out} cannot be created: {error.strerror}; no package was kept") from None
    atomic.write_file(out / name, content)
    return out / name


def _reason(output: str) -> str:
    """Return the build backend's own error if there is one; the last line only says that the build failed."""
    raised = [line for line in output.splitlines() if re.match(r"[\w.]*(Error|Exception): ", line)]
    return last_line(raised[-1] if raised else output)
