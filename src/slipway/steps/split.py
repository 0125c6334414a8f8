"""Choose the holdout: the rows that judge the model and never train it."""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from slipway.errors import DataError, SettingsError
from slipway.tables.data_frame import read_parquet, write_parquet


def split(
    out: Path,
    *,
    data: Path,
    target: str,
    by: str = "time",
    time: str = "",
    holdout_days: int = 30,
    holdout_share: float = 0.2,
    key: str = "",
) -> dict[str, float]:
    """Write ``train.parquet``, ``holdout.parquet`` and ``split.json``.

    By ``time`` the last ``holdout_days`` days are the holdout, so the future never trains the past. By ``hash`` a
    row's place follows from the sha256 of its ``key`` columns (comma-separated; all columns if empty), so a holdout
    row stays one when data grows; ``group`` does the same with the group's columns as key.

    Raises:
        DataError: one side would be empty, or trains on one class only.
        SettingsError: ``by`` is unknown, or a column that it needs is missing.
    """
    frame = read_parquet(data)
    columns = [name.strip() for name in key.split(",") if name.strip()]
    if by == "time":
        held, told = _last_days(frame, time, holdout_days)
    elif by in ("hash", "group"):
        held, told = _hashed(frame, columns, holdout_share, by)
    else:
        raise SettingsError(f"split.by is '{by}', but rows are split by 'time', 'hash' or 'group'")
    train, holdout = frame[~held], frame[held]
    _refuse_one_sided(train, holdout, target)
    write_parquet(train.reset_index(drop=True), out / "train.parquet")
    write_parquet(holdout.reset_index(drop=True), out / "holdout.parquet")
    shares = {"train": _shares(train, target), "holdout": _shares(holdout, target)}
    (out / "split.json").write_text(json.dumps({**told, "shares": shares}, indent=2) + "\n")
    return {"train_rows": len(train), "holdout_rows": len(holdout)}


def _last_days(frame: pd.DataFrame, time: str, days: int) -> tuple[pd.Series, dict[str, object]]:
    if time not in frame.columns:
        raise SettingsError(f"split.by = 'time' needs the time column '{time}', which the data does not have")
    first = frame[time].max().normalize() - pd.Timedelta(days=days - 1)
    held = frame[time] >= first
    train_until = frame.loc[~held, time].max()
    return held, {"by": "time", "train_until": str(train_until), "holdout_from": str(first), "holdout_days": days}


def _hashed(frame: pd.DataFrame, columns: list[str], share: float, by: str) -> tuple[pd.Series, dict[str, object]]:
    if by == "group" and not columns:
        raise SettingsError("split.by = 'group' needs split.key, the columns that name a row's group")
    for name in columns:
        if name not in frame.columns:
            close = difflib.get_close_matches(name, map(str, frame.columns), n=1)
            hint = f"; did you mean '{close[0]}'?" if close else f"; it has {', '.join(map(str, frame.columns))}"
            raise SettingsError(f"split.key names the column '{name}', which the data does not have{hint}")
    columns = columns or list(frame.columns)
    keys = frame[columns].astype(str).agg("\x1f".join, axis=1)
    places = keys.map(lambda text: int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))
    held = places.astype(np.uint64) < np.uint64(int(share * 2**64))
    # A group is held out by the hash of its key, so the gate may compare releases of both kinds alike.
    return held, {"by": "hash", "key": columns, "share": share}


def _refuse_one_sided(train: pd.DataFrame, holdout: pd.DataFrame, target: str) -> None:
    if train.empty or holdout.empty:
        raise DataError(f"the split left {len(train)} rows to train and {len(holdout)} for the holdout; both need some")
    if train[target].dtype.kind not in "fiu" and train[target].nunique() < 2:
        raise DataError(f"the training rows hold one class of '{target}' only: {train[target].iloc[0]!r}")


def _shares(rows: pd.DataFrame, target: str) -> dict[str, float]:
    """Class shares, so that a reader sees how evenly the split fell; a number's mean and spread otherwise."""
    if rows[target].dtype.kind in "fiu":
        return {"mean": float(rows[target].mean()), "std": float(rows[target].std())}
    shares = rows[target].value_counts(normalize=True).sort_index()
    return {str(label): float(share) for label, share in shares.items()}
