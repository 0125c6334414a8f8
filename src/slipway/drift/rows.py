"""Read the rows to compare, from files, a scored dataset, or the server's prediction logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from slipway.contract.schema import Column, Contract
from slipway.contract.validation import format_value
from slipway.drift.labels import REQUEST_COLUMN, Labels, values_of
from slipway.errors import DataError
from slipway.inference.scorer import columns_of
from slipway.statistics.reference import predictions_by_output
from slipway.storage.rotating_files import files_by_time
from slipway.tables.arrow_columns import check_types, describe_arrow_type, is_text, to_columns
from slipway.tables.csv_types import parse_fields
from slipway.tables.dataset_manifest import RELEASE_COLUMN, read_manifest
from slipway.tables.input_files import InputFile, find_inputs
from slipway.tables.prediction_log import LOG_NAME, LoggedPrediction, read_predictions
from slipway.tables.readers import chunks_of, schema_of

Array = npt.NDArray[Any]
_REQUESTS_PER_BATCH = 1000
_TIMES = "dates or times such as 2013-09-30 or 2013-09-30 14:05:00"


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch of rows: the contract's columns that exist, timestamps, labels, and the releases that scored them."""

    columns: dict[str, Array]
    times: npt.NDArray[np.datetime64] | None = None
    labels: list[Any] | None = None
    releases: frozenset[str] = frozenset()
    broken: int = 0

    @property
    def size(self) -> int:
        """Number of rows."""
        return max((len(values) for values in self.columns.values()), default=0)


@dataclass(frozen=True, slots=True)
class RowSelection:
    """What to read of each row: the contract's inputs and outputs, its timestamp, and its label, from ``labels`` if set."""

    contract: Contract
    time: str = ""
    label: str = ""
    labels: Labels | None = None

    @property
    def columns(self) -> Contract:
        """The contract with its outputs as additional inputs."""
        outputs = (Column(column.name, column.type, nullable=True) for column in self.contract.outputs)
        return msgspec.structs.replace(self.contract, inputs=(*self.contract.inputs, *outputs))

    @property
    def label_column(self) -> str:
        """The column of a file with the label, or with the key to it."""
        return self.labels.key if self.labels else self.label


def read_rows(source: str, selection: RowSelection) -> Iterator[Rows]:
    """Read rows in batches.

    Args:
        source: files in any format of `slipway batch`, a dataset, or a folder of prediction logs.
        selection: the columns to read.

    Raises:
        DataError: there are no files, they cannot be read, or they lack the label.
        ContractError: a column has a type that cannot be converted to the contract's type.
        StorageError: a line of a log is not a logged prediction.
    """
    folder = Path(source)
    if folder.is_dir() and files_by_time(folder, LOG_NAME):
        if selection.label and (selection.labels is None or selection.labels.key != REQUEST_COLUMN):
            raise DataError(
                f"{source} contains prediction logs, which have no labels such as '{selection.label}'; "
                f"use --labels-file with a file that has them by '{REQUEST_COLUMN}'"
            )
        return _rows_of_logs(folder, selection)
    return (rows for file in _input_files(source) for rows in _rows_of_file(file, selection))


def _input_files(source: str) -> list[InputFile]:
    manifest = read_manifest(Path(source))
    if manifest is None:
        return find_inputs(source)
    return [file for part in manifest["parts"] for file in find_inputs(str(Path(source) / part["name"]))]


def _rows_of_logs(folder: Path, selection: RowSelection) -> Iterator[Rows]:
    contract, labels = selection.contract, selection.labels
    lines = read_predictions(folder)
    while requests := list(islice(lines, _REQUESTS_PER_BATCH)):
        inputs = {c.name: [v for r in requests for v in r.inputs.get(c.name, [])] for c in contract.inputs}
        columns = columns_of(inputs, contract)
        sizes = [len(request.predictions) for request in requests]
        times = np.array([request.time.replace(tzinfo=None) for request in requests], dtype="datetime64[us]")
        yield Rows(
            {**columns, **_request_predictions(requests, contract)},
            np.repeat(times, sizes),
            [value for request in requests for value in labels.for_request(request.request_id, request.rows)]
            if labels
            else None,
            releases=frozenset(request.release for request in requests),
        )


def _request_predictions(requests: Sequence[LoggedPrediction], contract: Contract) -> dict[str, Array]:
    numbers = np.array([prediction for request in requests for prediction in request.predictions], dtype=np.float64)
    labels = [label for request in requests for label in request.labels or []]
    return predictions_by_output(contract, numbers, np.array(labels, dtype=object) if contract.classes else None)


def _rows_of_file(file: InputFile, selection: RowSelection) -> Iterator[Rows]:
    contract = selection.columns
    schema = schema_of(file, contract)
    check_types(schema, contract, file.path, consequence="")
    if selection.label_column and selection.label_column not in schema.names:
        raise DataError(f"{file.path} has no column '{selection.label_column}'; it has {', '.join(schema.names)}")
    names = {*(column.name for column in contract.inputs), selection.time, selection.label_column, RELEASE_COLUMN}
    chosen = pa.schema([field for field in schema if field.name in names])
    for chunk in chunks_of(file, 0, 0, chosen):
        batch, raw = chunk.batch, file.format == "csv"
        invalid = 0
        if raw:
            batch, unreadable = parse_fields(batch, chosen, contract)
            invalid = len({field.row for field in unreadable})
        yield _build_rows(batch, contract, selection, raw, len(chunk.broken) + invalid, file)


def _build_rows(
    batch: pa.RecordBatch, contract: Contract, selection: RowSelection, raw: bool, broken: int, file: InputFile
) -> Rows:
    names = batch.schema.names
    scored = batch.column(RELEASE_COLUMN) if RELEASE_COLUMN in names else None
    return Rows(
        to_columns(batch, contract, raw),
        _read_times(batch.column(selection.time), selection.time, file) if selection.time in names else None,
        _read_labels(batch, selection) if selection.label_column else None,
        frozenset(map(str, pc.unique(scored).to_pylist())) if scored is not None else frozenset(),
        broken,
    )


def _read_times(values: pa.Array, name: str, file: InputFile) -> npt.NDArray[np.datetime64]:
    subject = f"column '{name}' of {file.path}"
    if not (types.is_temporal(values.type) or is_text(values.type) or types.is_null(values.type)):
        # A number could be seconds, milliseconds or a year.
        raise DataError(f"{subject}: expected {_TIMES}, got {describe_arrow_type(values.type)}")
    try:
        zoned = types.is_timestamp(values.type) and values.type.tz
        local = pc.local_timestamp(values) if zoned else _to_microseconds(values)
    except pa.ArrowException:
        row = next(row for row in range(len(values)) if not _is_time(values[row : row + 1]))
        raise DataError(f"{subject}: expected {_TIMES}, got {format_value(values[row].as_py())}") from None
    if local.null_count:
        raise DataError(f"column '{name}' of {file.path} is null in {local.null_count} of {len(local)} rows")
    # DLPack has no type for timestamps, so they are passed as integers.
    microseconds: Array = np.from_dlpack(local.cast(pa.timestamp("us"), safe=False).cast(pa.int64()))
    return microseconds.astype("datetime64[us]")


def _to_microseconds(values: pa.Array) -> pa.Array:
    return values.cast(pa.timestamp("us"), safe=False)


def _is_time(value: pa.Array) -> bool:
    try:
        _to_microseconds(value)
    except pa.ArrowException:
        return False
    return True


def _read_labels(batch: pa.RecordBatch, selection: RowSelection) -> list[Any]:
    values = values_of(batch.column(selection.label_column))
    return selection.labels.for_keys(values) if selection.labels else values
