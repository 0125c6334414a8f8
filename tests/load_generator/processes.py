"""What a server takes of the machine: its memory and its time on the processors."""

from __future__ import annotations

from collections.abc import Iterator

import psutil


def resident(pid: int) -> int:
    """Bytes of a process and its descendants; what several of them share counts once (the sum of their PSS)."""
    total = 0
    for process in _family(pid):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


def processor_seconds(pid: int) -> dict[int, float]:
    """Seconds for which a process and each of its descendants had a processor since it began, by process id."""
    seconds = {}
    for process in _family(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds[process.pid] = times.user + times.system
    return seconds


def _family(pid: int) -> Iterator[psutil.Process]:
    parent = psutil.Process(pid)
    yield from (parent, *parent.children(recursive=True))
