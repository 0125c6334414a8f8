"""Make a new environment from the hashed lock of a release, with uv."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from slipway.__about__ import DISTRIBUTION
from slipway.errors import RebuildError, StorageError
from slipway.reporting.progress import Progress
from slipway.reporting.sanitize import one_line
from slipway.settings.settings import LOCK_FILE
from slipway.storage.digests import digest_of, file_digest
from slipway.versioning.git.command import run_program
from slipway.versioning.library_wheel import SOURCE

_COMPLETE = "complete"
_LONGEST_REASON = 600
_FULL_DISK = "No space left on device"


def make_environment(project: Path, version: str, scratch: Path, progress: Progress) -> Path:
    """Return the Python of an environment with the packages that the project's lock names, each with its hash.

    The training lock is preferred, which has the versions of the large one. An environment in ``scratch`` that was made
    from the same lock is used again. Where the library is in ``src/`` of the tag, no lock names it, and that is installed.

    Args:
        version: Python's, as in 3.11.2; another patch version is accepted.

    Raises:
        RebuildError: there is no lock or no uv, or the lock cannot be installed.
        StorageError: the disk is full.
    """
    locks = (project / "components" / LOCK_FILE, project / LOCK_FILE)
    lock = next((path for path in locks if path.is_file()), None)
    if lock is None:
        raise RebuildError(f"{project.name} has no {LOCK_FILE}, so its environment is unknown; nothing was changed")
    wanted = _find_python(version)
    environment = scratch / f"environment-{digest_of([file_digest(lock), wanted])[:12]}"
    python = environment / "bin" / "python"
    if not (environment / _COMPLETE).exists():
        shutil.rmtree(environment, ignore_errors=True)
        with progress.step_timer("install"):
            _uv("venv", "--quiet", "--python", wanted, str(environment))
            _uv("pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(lock))
        (environment / _COMPLETE).touch()
    if (
        f"\n{DISTRIBUTION}==" not in lock.read_text(encoding="utf-8")
        and (project / SOURCE / "pyproject.toml").is_file()
    ):
        options = ("--no-deps", "--no-build-isolation", "--reinstall")
        _uv("pip", "install", "--quiet", *options, "--python", str(python), "--editable", str(project / SOURCE))
    return python


def _find_python(version: str) -> str:
    """Return the Python that runs, if it has the wanted minor version; otherwise the version, which uv looks for."""
    minor = ".".join(version.split(".")[:2])
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    return sys.executable if minor in ("", running) else minor


def _uv(*arguments: str) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise RebuildError("uv is not installed, but environments are made with it; install uv; nothing was changed")
    # As the Makefile does; and another environment that is active must not be changed.
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = run_program([uv, *arguments], {"UV_SYSTEM_CERTS": "true", **kept})
    if done.returncode == 0:
        return
    reason = one_line(" ".join(done.stderr.split()), _LONGEST_REASON)
    if _FULL_DISK in done.stderr:
        raise StorageError(f"the environment cannot be installed: {reason}; nothing was kept")
    raise RebuildError(f"the environment cannot be installed: {reason}; nothing was changed")
