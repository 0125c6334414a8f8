"""Suggest the known name that is closest to a mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[object], otherwise: str = "", *, cutoff: float = 0.6) -> str:
    """Return the end of an error about an unknown name: "; did you mean 'x'?", or ``otherwise`` if no name is similar."""
    closest = closest_match(name, known, cutoff=cutoff)
    return f"; did you mean '{closest}'?" if closest else otherwise and f"; {otherwise}"


def closest_match(name: str, known: Iterable[object], *, cutoff: float = 0.6) -> str:
    """Return the known name that is most similar to ``name``, or "" if none is similar."""
    return next(iter(difflib.get_close_matches(name, map(str, known), 1, cutoff)), "")
