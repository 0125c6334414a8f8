"""Build rows from pinned files with the project's own function, check them, and write them as Parquet."""

from __future__ import annotations

import datetime
import importlib.util
import types
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from slipway.contract.schema import read_contract
from slipway.errors import DataError, SettingsError
from slipway.reporting.suggestions import did_you_mean
from slipway.steps.ingest.table_checks import parse_times, require_columns, rows_through
from slipway.tables.data_frame import inputs_of, write_parquet

FeaturesFunction = Callable[[Mapping[str, Path]], pd.DataFrame]

_READ_ERRORS = (
    OSError,
    EOFError,
    UnicodeDecodeError,
    pa.ArrowException,
    pd.errors.EmptyDataError,
    pd.errors.ParserError,
    zipfile.BadZipFile,
    zlib.error,
)
"""Exceptions that reading a truncated or malformed file raises, depending on its format."""


def build_rows(function: str, files: Mapping[str, Path]) -> pd.DataFrame:
    """Call the project's own ``function`` (``file.py:name``) with the files, and return its rows.

    Raises:
        DataError: the files cannot be read, or lack a column that the function needs.
        SettingsError: the function cannot be found, or does not return a data frame.
    """
    return _call_function(_load_function(function), function, files)


def write_rows(
    frame: pd.DataFrame, out: Path, *, contract: Path, target: str, time: str, through: str
) -> dict[str, float]:
    """Write ``data.parquet`` with the rows up to the end of the day ``through``, after checking the columns.

    Raises:
        DataError: a column is missing or mixes types, the time column has other values than times, or no row is left.
    """
    public = read_contract(contract)
    require_columns(frame, [*(column.name for column in public.inputs), target, *([time] if time else [])])
    inputs_of(frame, public)
    frame = parse_times(frame, time) if time else frame
    frame = rows_through(frame, time, datetime.date.fromisoformat(through)) if through else frame
    try:
        write_parquet(frame, out / "data.parquet")
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(f"the data cannot be stored as Parquet: {error}") from None
    return {"rows": len(frame), "columns": len(frame.columns)}


def _call_function(features: FeaturesFunction, name: str, files: Mapping[str, Path]) -> pd.DataFrame:
    try:
        frame = features(files)
    except _READ_ERRORS as error:
        raise DataError(f"{name} could not read its data files: {error}") from error
    except KeyError as error:
        raise DataError(f"{name} needs column {error}, which the data files do not have") from error
    except ValueError as error:
        # pandas has no separate class for a column missing from `usecols`; any other ValueError is a bug in the function.
        if not str(error).startswith("Usecols do not match columns"):
            raise
        raise DataError(f"{name}: {error}") from error
    if not isinstance(frame, pd.DataFrame):
        raise SettingsError(
            f"data.function: {name} must return a pandas DataFrame, but returned {type(frame).__name__}"
        )
    return frame


def _load_function(function_path: str) -> FeaturesFunction:
    file, _, name = function_path.rpartition(":")
    module = _load_module(Path(file))
    found: Any = getattr(module, name, None)
    if not callable(found):
        raise SettingsError(f"data.function: {file} has no function '{name}'{did_you_mean(name, vars(module))}")
    features: FeaturesFunction = found
    return features


def _load_module(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise SettingsError(f"data.function: the Python file {path} does not exist")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
