"""Hand the upgrade over to the new version, which knows what it needs from a project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from slipway.__about__ import DISTRIBUTION
from slipway.commands.project.upgrade.wheel import LibraryWheel
from slipway.errors import UpgradeError
from slipway.settings.settings import LOCK_FILE
from slipway.versioning.git.command import last_line, run_program

_PIN = re.compile(r"^([a-z0-9][^ ]*==.*[^ ]) *\\$", re.MULTILINE)


def hand_over(python: Path, wheel: LibraryWheel, arguments: Sequence[str]) -> int:
    """Run `slipway upgrade` of the version that is installed for ``python``, and return its exit code.

    All later versions must accept `slipway upgrade --wheel FILE --continue` with the options of this version.
    """
    command = [str(python.with_name("slipway")), "upgrade", "--wheel", str(wheel.file), "--continue", *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


def install(root: Path, wheel: LibraryWheel, folder: Path) -> Path:
    """Install the wheel into a new environment in ``folder`` and return its Python.

    Raises:
        UpgradeError: uv is missing, or the wheel cannot be installed.
    """
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise UpgradeError("uv is not installed, but the new version is installed with it; nothing was changed")
    python, pins = folder / "env" / "bin" / "python", folder / "constraints.txt"
    pins.write_text("\n".join(_locked_versions(root)), encoding="utf-8")
    install = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        str(python),
        f"{DISTRIBUTION}[release] @ {wheel.file.as_uri()}",
    ]
    run_program([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "env")], os.environ)
    # The locked versions are in uv's cache; a version that needs newer ones is resolved again.
    for options in (["--offline", "-c", str(pins)], ["-c", str(pins)], []):
        done = run_program([*install, *options], os.environ)
        if not done.returncode:
            return python
    raise UpgradeError(
        f"slipway-ml {wheel.version} cannot be installed: {last_line(done.stderr)}; check the network and the package "
        "index; nothing was changed"
    )


def _locked_versions(root: Path) -> list[str]:
    lock = root / LOCK_FILE
    text = lock.read_text(encoding="utf-8") if lock.is_file() else ""
    return [pin for pin in _PIN.findall(text) if not pin.startswith(f"{DISTRIBUTION}==")]
