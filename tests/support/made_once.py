"""What is expensive to make and safe to share is made once for all workers of a session: whoever asks first makes it."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

_session: list[Path] = []


def share_in(folder: Path) -> None:
    """Share with all who name the same folder, as the workers of a session do."""
    _session[:] = [folder]


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The folder that ``make`` filled. It is shared: look at it, and change only a copy."""
    shared = _session[0] if _session else _folder_of_this_process()
    folder, made = shared / name, shared / f"{name}.made"
    with FileLock(shared / f"{name}.lock"):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


@functools.cache
def _folder_of_this_process() -> Path:
    """For programs that make use of these modules without pytest."""
    folder = Path(tempfile.mkdtemp(prefix="made-once-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
