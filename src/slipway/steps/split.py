"""Choose the holdout: the rows that the model is evaluated on and never trained on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from slipway.errors import DataError, SettingsError
from slipway.reporting.suggestions import did_you_mean
from slipway.tables.data_frame import read_parquet, write_parquet

__all__ = ["Holdout", "hold_out_by_hash", "hold_out_last_days", "read_parquet", "write_parquet", "write_split"]


@dataclass(frozen=True)
class Holdout:
    """A mask of the rows that are held out, and how they were chosen, as written to ``split.json``."""

    rows: pd.Series
    facts: dict[str, object]


def write_split(frame: pd.DataFrame, holdout: Holdout, out: Path, target: str) -> dict[str, float]:
    """Write ``train.parquet``, ``holdout.parquet`` and ``split.json``.

    Raises:
        DataError: one side would be empty, or the training rows would have one class only.
    """
    held = holdout.rows
    train, holdout_rows = frame[~held], frame[held]
    _refuse_one_sided(train, holdout_rows, target)
    write_parquet(train.reset_index(drop=True), out / "train.parquet")
    write_parquet(holdout_rows.reset_index(drop=True), out / "holdout.parquet")
    shares = {"train": _describe_target(train, target), "holdout": _describe_target(holdout_rows, target)}
    (out / "split.json").write_text(json.dumps({**holdout.facts, "shares": shares}, indent=2) + "\n")
    return {"train_rows": len(train), "holdout_rows": len(holdout_rows)}


def hold_out_last_days(frame: pd.DataFrame, time: str, days: int) -> Holdout:
    """Hold out the last calendar days of the column ``time``, counted back from the latest row.

    Raises:
        SettingsError: the column does not exist.
    """
    if time not in frame.columns:
        raise SettingsError(f"split.by = 'time' needs the time column '{time}', but the data has no such column")
    first = frame[time].max().normalize() - pd.Timedelta(days=days - 1)
    held = frame[time] >= first
    train_until = frame.loc[~held, time].max()
    facts = {"by": "time", "train_until": str(train_until), "holdout_from": str(first), "holdout_days": days}
    return Holdout(held, facts)


def hold_out_by_hash(frame: pd.DataFrame, key: str, share: float, by: str) -> Holdout:
    """Hold out a share of the rows by the SHA-256 of each row's ``key`` columns (comma-separated; all columns if empty).

    Raises:
        SettingsError: a column of the key is missing, or ``by`` is "group" and the key is empty.
    """
    columns = [name.strip() for name in key.split(",") if name.strip()]
    if by == "group" and not columns:
        raise SettingsError("split.by = 'group' needs split.key, the columns that identify a row's group")
    for name in columns:
        if name not in frame.columns:
            hint = did_you_mean(name, frame.columns, f"it has {', '.join(map(str, frame.columns))}")
            raise SettingsError(f"split.key: the data has no column '{name}'{hint}")
    columns = columns or list(frame.columns)
    # The separator cannot be typed by accident: with a comma, the keys ("a,b", "c") and ("a", "b,c") would be equal.
    keys = frame[columns].astype(str).agg("\x1f".join, axis=1)
    hashes = keys.map(lambda text: int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))
    held = hashes.astype(np.uint64) < np.uint64(int(share * 2**64))
    # A group is held out by the hash of its key too, so the gate can compare releases of both kinds in the same way.
    return Holdout(held, {"by": "hash", "key": columns, "share": share})


def _refuse_one_sided(train: pd.DataFrame, holdout: pd.DataFrame, target: str) -> None:
    if train.empty or holdout.empty:
        raise DataError(
            f"the split left {len(train)} training rows and {len(holdout)} holdout rows; both need at least one"
        )
    if train[target].dtype.kind not in "fiu" and train[target].nunique() < 2:
        raise DataError(f"the training rows contain only one class of '{target}': {train[target].iloc[0]!r}")


def _describe_target(rows: pd.DataFrame, target: str) -> dict[str, float]:
    """Return the class shares, or mean and standard deviation of a number, so that both sides can be compared."""
    if rows[target].dtype.kind in "fiu":
        return {"mean": float(rows[target].mean()), "std": float(rows[target].std())}
    shares = rows[target].value_counts(normalize=True).sort_index()
    return {str(label): float(share) for label, share in shares.items()}
