"""A number of its own for each worker, which the next worker takes over once its holder is dead."""

from __future__ import annotations

import fcntl
from io import BufferedRandom
from itertools import count
from pathlib import Path


def claim(folder: Path, name: str) -> tuple[int, BufferedRandom]:
    """Lock the file of the lowest number that no living process holds, until the returned file is closed.

    Args:
        name: what the files are called, such as ``worker-{}.lock``.
    """
    for number in count():
        file = (folder / name.format(number)).open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            return number, file
    raise AssertionError("count() has no end")
