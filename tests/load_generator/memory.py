"""How much memory a server takes, all its processes together."""

from __future__ import annotations

import psutil


def resident(pid: int) -> int:
    """Bytes of a process and its descendants; what several of them share counts once (the sum of their PSS)."""
    parent = psutil.Process(pid)
    total = 0
    for process in (parent, *parent.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total
