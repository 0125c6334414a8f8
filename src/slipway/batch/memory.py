"""Keeps the memory of a long job flat: what is let go returns to the system at once, instead of to pieces of the heap."""

from __future__ import annotations

import ctypes

_MMAP_THRESHOLD = -3
_BYTES = 1 << 18


def return_large_blocks() -> None:
    """Have glibc map every large block by itself, for the rest of the process; elsewhere nothing is done."""
    # By default glibc raises the threshold with each large block that is freed. The columns of every unit then come from
    # heaps of several threads, which grow for as long as the job lasts: by a third from one to ten million rows.
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_MMAP_THRESHOLD, _BYTES)
