"""The library's source in a repository of its own, its wheels, and environments that have such a wheel installed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.support.git_repositories import commit, git
from tests.support.projects import copy_of_programs

WRITE_WHEEL = """
import pathlib, sys
from slipway.versioning.library_wheel import write_library_wheel
print(write_library_wheel(pathlib.Path(sys.argv[1])))
"""
UV = Path(sys.executable).with_name("uv")


def library_repository(folder: Path) -> Path:
    """This tree's library and the files that its template links to, committed."""
    root = copy_of_programs(folder)
    (root / ".gitignore").write_text("__pycache__/\n")
    git(root, "init", "-q", "-b", "main")
    commit(root, "feat: the library")
    return root


def library_version(root: Path) -> str:
    """The version in the library's pyproject.toml."""
    lines = (root / "src" / "pyproject.toml").read_text().splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("version = "))


def written_wheel(source: Path, out: Path) -> Path:
    """What `write_library_wheel` writes where the library runs from ``source``."""
    environment = {**os.environ, "PYTHONPATH": str(source)}
    return _written([sys.executable, "-c", WRITE_WHEEL, str(out)], environment)


def rewritten_wheel(python: Path, out: Path) -> Path:
    """What it writes in an environment where a wheel is installed."""
    return _written([str(python), "-c", WRITE_WHEEL, str(out)], dict(os.environ))


def _written(command: list[str], environment: dict[str, str]) -> Path:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def environment_beside(folder: Path) -> Path:
    """An empty environment that finds this one's packages after its own; returns its Python."""
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    site_packages(python).joinpath("beside.pth").write_text(sysconfig.get_path("purelib"))
    return python


def site_packages(python: Path) -> Path:
    """The folder that an environment's packages are installed in."""
    return next(python.parents[1].glob("lib/python*/site-packages"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
