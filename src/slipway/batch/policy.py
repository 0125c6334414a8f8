"""Which datasets may be published: how many rows may break the contract, and predictions that look wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from slipway.errors import SettingsError

OnOdd = Literal["warn", "fail"]
_LIMIT = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<percent>%)?")
_ROWS_TO_VARY = 20
"""Fewer rows may well have one and the same prediction."""


class Policy(NamedTuple):
    """How many bad rows a job may have (``10`` or ``0.1%``), and whether odd predictions warn or fail."""

    max_bad: str = "0"
    on_odd: OnOdd = "warn"

    def check(self) -> None:
        """Refuse a limit that nobody can hold.

        Raises:
            SettingsError: it is neither a whole number nor a percentage.
        """
        found = _LIMIT.fullmatch(self.max_bad.strip())
        if found is None or (not found["percent"] and "." in found["number"]):
            raise SettingsError(f"--max-bad must be a whole number or a percentage such as 0.1%, not '{self.max_bad}'")

    def allows(self, bad: int, rows: int) -> bool:
        """Whether so many bad rows of all rows are few enough."""
        if self.max_bad.strip().endswith("%"):
            return bad * 100 <= float(self.max_bad.strip()[:-1]) * rows
        return bad <= int(self.max_bad)


def oddities(distribution: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is odd about predictions: null ones, or the same for every row."""
    return [sentence for name, told in distribution.items() for sentence in _odd(name, told)]


def _odd(name: str, told: Mapping[str, Any]) -> list[str]:
    found = []
    if told["nulls"]:
        found.append(f"{told['nulls']} of {told['rows']} values of '{name}' are null")
    if "min" in told and told["min"] is not None and told["min"] == told["max"] and told["rows"] >= _ROWS_TO_VARY:
        found.append(f"'{name}' is {told['min']} in all {told['rows']} rows")
    return found
