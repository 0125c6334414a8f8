"""Split: choose the holdout, the rows that evaluate the model and never train it."""

from __future__ import annotations

from pathlib import Path

from slipway.errors import SettingsError
from slipway.pipeline.component import main
from slipway.steps.split import hold_out_by_hash, hold_out_last_days, read_parquet, write_split


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

    With ``by="time"``, the last ``holdout_days`` days are the holdout, so the model never trains on the future. With
    ``hash``, the sha256 of a row's ``key`` columns (comma-separated; all columns if empty) decides, so a holdout row
    stays one when the data grows; ``group`` does the same with the group's columns as key.

    Raises:
        DataError: one side would be empty, or the training rows would have only one class.
        SettingsError: ``by`` is unknown, or a column that it needs is missing.
    """
    rows = read_parquet(data)
    if by == "time":
        holdout = hold_out_last_days(rows, time, holdout_days)
    elif by in ("hash", "group"):
        holdout = hold_out_by_hash(rows, key, holdout_share, by)
    else:
        raise SettingsError(f"split.by is '{by}', but rows are split by 'time', 'hash' or 'group'")
    return write_split(rows, holdout, out, target)


if __name__ == "__main__":
    main(split)
