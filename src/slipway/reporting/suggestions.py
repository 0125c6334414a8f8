"""What a mistyped name was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[object], otherwise: str = "", *, cutoff: float = 0.6) -> str:
    """The end of a sentence about an unknown name: "; did you mean 'x'?", or else "; " and what to say otherwise."""
    meant = closest_match(name, known, cutoff=cutoff)
    return f"; did you mean '{meant}'?" if meant else otherwise and f"; {otherwise}"


def closest_match(name: str, known: Iterable[object], *, cutoff: float = 0.6) -> str:
    """The known name that is most like ``name``; "" where none is like it."""
    return next(iter(difflib.get_close_matches(name, map(str, known), 1, cutoff)), "")
