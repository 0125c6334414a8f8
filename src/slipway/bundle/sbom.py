"""What a release is made of: the lock as a CycloneDX bill of materials."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from slipway.errors import StorageError


def write_sbom(lock: Path, out: Path) -> None:
    """Write the packages of a hashed requirements file as CycloneDX JSON, the same bytes for the same lock.

    Raises:
        StorageError: it could not be written.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(lock), "--output-reproducible", "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StorageError(f"the bill of materials of {lock.name} could not be written: {done.stderr.strip()[-500:]}")
