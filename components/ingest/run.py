"""Read exactly the pinned bytes and turn them into one row for each example."""

from __future__ import annotations

import datetime
import importlib.util
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from components.ingest.sources import fetch
from pipeline.component import DataError, SettingsError, main
from pipeline.component.contract import Contract, read_contract
from pipeline.component.frame import inputs_of, write_parquet

Features = Callable[[Mapping[str, Path]], pd.DataFrame]


def ingest(
    out: Path,
    *,
    contract: Path,
    function: str,
    sources: dict,  # type: ignore[type-arg]  # the harness looks a parameter's plain type up
    target: str,
    time: str = "",
    through: str = "",
) -> dict[str, float]:
    """Write ``data.parquet``: what ``function`` (``file.py:name``) makes of the pinned files, to the end of ``through``.

    Raises:
        DataError: a file is missing, empty or truncated, a column is missing, or no row is left.
        DataChangedError: a file's bytes are not those that the pin names.
        SettingsError: the function cannot be found.
    """
    with fetch(sources) as files:
        frame = _called(_function(function), function, files)
    _require(frame, read_contract(contract), target, time)
    if through:
        frame = _until(frame, time, datetime.date.fromisoformat(through))
    write_parquet(frame, out / "data.parquet")
    return {"rows": len(frame), "columns": len(frame.columns)}


def _called(features: Features, name: str, files: Mapping[str, Path]) -> pd.DataFrame:
    try:
        return features(files)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{name} could not read its data files: {error}") from error
    except KeyError as error:
        raise DataError(f"{name} needs column {error}, which the data files do not have") from error


def _function(place: str) -> Features:
    file, _, name = place.rpartition(":")
    found: Any = getattr(_module(Path(file)), name, None)
    if not callable(found):
        raise SettingsError(f"data.function: {file} has no function '{name}'")
    features: Features = found
    return features


def _module(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise SettingsError(f"data.function: there is no Python file at {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _require(frame: pd.DataFrame, contract: Contract, target: str, time: str) -> None:
    needed = [column.name for column in contract.inputs] + [target] + ([time] if time else [])
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise DataError(
            f"the data has no column {', '.join(map(repr, missing))}; it has {', '.join(map(str, frame.columns))}"
        )
    if frame.empty:
        raise DataError("the data has no rows")
    inputs_of(frame, contract)


def _until(frame: pd.DataFrame, time: str, through: datetime.date) -> pd.DataFrame:
    if not time:
        raise SettingsError("data.through needs data.time, the column that holds a row's moment")
    end = pd.Timestamp(through) + pd.Timedelta(days=1)
    kept = frame[frame[time] < end]
    if kept.empty:
        raise DataError(f"no row is left up to {through}; the data's first row is of {frame[time].min()}")
    return kept.sort_values(time, kind="stable").reset_index(drop=True)


if __name__ == "__main__":
    main(ingest)
