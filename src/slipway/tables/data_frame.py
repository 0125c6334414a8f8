"""Read and write data frames, and convert them to the contract's columns, order and types."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from slipway.contract.schema import Column, Contract
from slipway.contract.validation import boolean_hint
from slipway.errors import ContractError, DataError


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a complete Parquet file.

    Raises:
        DataError: the file is missing, empty or truncated.
    """
    try:
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from None
    return frame


def column_names(path: Path) -> list[str]:
    """Return the names of the columns in a Parquet file, without reading any rows.

    Raises:
        DataError: the file is missing, empty or truncated.
    """
    try:
        return list(pq.read_schema(path).names)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from None


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a data frame as Parquet; the same frame always gives the same bytes."""
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, compression="zstd")


def inputs_of(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Return the contract's inputs in ``frame``: numbers as float64 with NaN for null, strings as objects with None.

    Raises:
        ContractError: an input column is missing or cannot be read as its type.
    """
    missing = [column.name for column in contract.inputs if column.name not in frame.columns]
    if missing:
        raise ContractError(
            f"the data has no column {', '.join(map(repr, missing))}, which the contract of '{contract.name}' requires; "
            f"its columns are {', '.join(map(str, frame.columns))}"
        )
    return pd.DataFrame({c.name: _convert_column(frame[c.name], c) for c in contract.inputs}, index=frame.index)


def _convert_column(series: pd.Series, column: Column) -> pd.Series:
    if column.type == "string":
        values = series.astype(object)
        values = values.where(series.notna(), None)
        wrong = next((v for v in values.unique() if v is not None and not isinstance(v, str)), None)
        if wrong is not None:
            raise ContractError(f"column '{column.name}': expected a string, got {wrong!r}")
        return values
    numbers = _numbers(series, column)
    whole = (numbers % 1 == 0) | numbers.isna()
    if column.type != "double" and not whole.all():
        raise _type_error(series, column, ~whole, "integers")
    return numbers


def format_rows(values: pd.Series, mask: pd.Series) -> str:
    """Describe the first three of the rows in ``mask``, counted from 0."""
    chosen = np.flatnonzero(mask.to_numpy(bool))[:3]
    shown = values.iloc[chosen].tolist()
    return "; ".join(f"row {row}: {value!r}" for row, value in zip(chosen, shown, strict=True))


def _numbers(series: pd.Series, column: Column) -> pd.Series:
    try:
        return series.astype(np.float64)
    except (TypeError, ValueError):
        wrong = pd.to_numeric(series, errors="coerce").isna() & series.notna()
        what = "true or false" if column.type == "boolean" else "numbers"
        raise _type_error(series, column, wrong, what) from None


def _type_error(series: pd.Series, column: Column, wrong: pd.Series, what: str) -> ContractError:
    first = series[wrong.to_numpy(bool)].iloc[0]
    return ContractError(
        f"column '{column.name}': expected {what} ({column.type}), but {int(wrong.sum()):,} of {len(series):,} values "
        f"({series.dtype}) are not: {format_rows(series, wrong)}{boolean_hint(column, first)}"
    )
