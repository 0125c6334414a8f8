"""How large the environments are that serving and training need."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.support.flights import BIN, ROOT

_UV = str(BIN / "uv")


def megabytes(group: str) -> float:
    """The files of a new environment with one dependency group, at the locked versions, byte-compiled as we install it."""
    with tempfile.TemporaryDirectory(prefix="install-size-") as folder:
        subprocess.run([_UV, "venv", "--quiet", folder], check=True)
        options = ["--python", folder, "--constraint", "requirements.lock", "--group", f"pyproject.toml:{group}"]
        subprocess.run(
            [_UV, "pip", "install", "--quiet", "--compile-bytecode", "--link-mode", "copy", *options],
            cwd=ROOT,
            check=True,
        )
        return sum(file.lstat().st_size for file in Path(folder).rglob("*") if file.is_file()) / 1e6
