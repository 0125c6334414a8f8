"""Rows like those of the holdout, but with nulls and with categories that training never saw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.component.contract import Column, Contract

UNSEEN = ("a category that training never saw", "")
SHARE = 0.15


def with_nulls(frame: pd.DataFrame, contract: Contract, rng: np.random.Generator) -> pd.DataFrame:
    """A copy with nulls strewn over every nullable column; in the first row all of them are null."""
    return _strewn(frame, [c for c in contract.inputs if c.nullable], rng, nulls=True)


def with_unseen(frame: pd.DataFrame, contract: Contract, rng: np.random.Generator) -> pd.DataFrame:
    """A copy with unseen categories strewn over every string column; in the first row all of them are unseen."""
    return _strewn(frame, [c for c in contract.inputs if c.type == "string"], rng, nulls=False)


def _strewn(frame: pd.DataFrame, columns: list[Column], rng: np.random.Generator, *, nulls: bool) -> pd.DataFrame:
    copy = frame.reset_index(drop=True)
    for position, column in enumerate(columns):
        hit = _hits(len(copy), position, rng)
        values = copy[column.name].to_numpy(copy=True)
        values[hit] = _null(column) if nulls else rng.choice(np.array(UNSEEN, dtype=object), size=int(hit.sum()))
        copy[column.name] = pd.Series(values, dtype=values.dtype)
    return copy


def _hits(rows: int, position: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    hit = rng.random(rows) < SHARE
    if rows:
        hit[0] = hit[(position + 1) % rows] = True
    return hit


def _null(column: Column) -> float | None:
    return None if column.type == "string" else np.nan
