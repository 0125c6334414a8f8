"""Format numbers for people."""

from __future__ import annotations


def format_distinct(first: float, second: float) -> tuple[str, str]:
    """Format two numbers with three decimals, or with as many more as are needed to show that they differ."""
    for digits in range(3, 17):
        texts = f"{first:.{digits}f}", f"{second:.{digits}f}"
        if texts[0] != texts[1] or first == second:
            break
    return texts
