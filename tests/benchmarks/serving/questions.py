"""Requests made of a bundle's own golden rows, with the predictions that are right for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.load_generator.load import UNNAMED, Question


@dataclass(frozen=True)
class Golden:
    """Rows as JSON values, and what the release predicts for each."""

    release: str
    columns: list[str]
    rows: list[list[Any]]
    predictions: list[Any]

    def questions(self, rows: int, form: str = "dataframe_split") -> tuple[Question, ...]:
        """Requests with so many rows each: every golden row has its turn, and repeats to fill the large ones."""
        count = len(self.rows) if rows == 1 else 4
        return tuple(self._question(start if rows == 1 else start * 5, rows, form) for start in range(count))

    def _question(self, start: int, count: int, form: str) -> Question:
        chosen = [(start + offset) % len(self.rows) for offset in range(count)]
        predictions = [self.predictions[row] for row in chosen]
        body = json.dumps({form: self._content([self.rows[row] for row in chosen], form)}).encode()
        return Question(body, {self.release: predictions, UNNAMED: predictions})

    def _content(self, rows: list[list[Any]], form: str) -> Any:
        if form == "dataframe_split":
            return {"columns": self.columns, "data": rows}
        return [dict(zip(self.columns, row, strict=True)) for row in rows]


def golden_of(bundle: Path) -> Golden:
    """The golden rows of a bundle."""
    golden = json.loads((bundle / "golden.json").read_text())
    release = json.loads((bundle / "release.json").read_text())["version"]
    rows = [list(row) for row in zip(*golden["inputs"].values(), strict=True)]
    return Golden(release, list(golden["inputs"]), rows, golden["predictions"])
