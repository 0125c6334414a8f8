"""The rows that are looked at, whatever holds them: files, a scored dataset, or the server's prediction logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from slipway.contract.schema import Column, Contract
from slipway.drift.labels import REQUEST, Outcomes, values_of
from slipway.errors import DataError
from slipway.inference.scorer import columns_of
from slipway.statistics.reference import answered
from slipway.storage.rotating_files import in_order
from slipway.tables.arrow_columns import check_types, to_columns
from slipway.tables.csv_types import typed
from slipway.tables.dataset_manifest import RELEASE_COLUMN, read_manifest
from slipway.tables.input_files import Input, find_inputs
from slipway.tables.prediction_log import NAME, LoggedPrediction, read_predictions
from slipway.tables.readers import chunks_of, schema_of

Array = npt.NDArray[Any]
_REQUESTS = 1000


class Rows(NamedTuple):
    """Some of the rows: the contract's columns that are there, when each was, its truth, and who has scored it."""

    columns: dict[str, Array]
    moments: npt.NDArray[np.datetime64] | None = None
    truth: list[Any] | None = None
    releases: frozenset[str] = frozenset()
    broken: int = 0

    @property
    def size(self) -> int:
        """How many rows there are."""
        return max((len(values) for values in self.columns.values()), default=0)


class Wanted(NamedTuple):
    """What is read of each row: the contract's inputs and outputs, its time, and its truth, if need be from outcomes."""

    contract: Contract
    time: str = ""
    truth: str = ""
    outcomes: Outcomes | None = None

    @property
    def columns(self) -> Contract:
        """The outputs as if they were inputs too."""
        outputs = (Column(column.name, column.type, nullable=True) for column in self.contract.outputs)
        return msgspec.structs.replace(self.contract, inputs=(*self.contract.inputs, *outputs))

    @property
    def told(self) -> str:
        """The column of a file that holds the truth, or the key to it."""
        return self.outcomes.key if self.outcomes else self.truth


def rows_of(place: str, wanted: Wanted) -> Iterator[Rows]:
    """The rows of a place, some at a time.

    Raises:
        DataError: there are none, or they cannot be read, or lack the truth.
        ContractError: a column has a type that the contract's cannot be read from.
        StorageError: a line of a log is no logged prediction.
    """
    folder = Path(place)
    if folder.is_dir() and in_order(folder, NAME):
        if wanted.truth and (wanted.outcomes is None or wanted.outcomes.key != REQUEST):
            raise DataError(
                f"{place} holds prediction logs, which know no truth such as '{wanted.truth}'; "
                f"name a file that has it by '{REQUEST}'"
            )
        return _logged(folder, wanted)
    return (rows for file in _files(place) for rows in _of_file(file, wanted))


def _files(place: str) -> list[Input]:
    manifest = read_manifest(Path(place))
    if manifest is None:
        return find_inputs(place)
    return [file for part in manifest["parts"] for file in find_inputs(str(Path(place) / part["name"]))]


def _logged(folder: Path, wanted: Wanted) -> Iterator[Rows]:
    contract, outcomes = wanted.contract, wanted.outcomes
    lines = read_predictions(folder)
    while requests := list(islice(lines, _REQUESTS)):
        inputs = {c.name: [v for r in requests for v in r.inputs.get(c.name, [])] for c in contract.inputs}
        columns = columns_of(inputs, contract)
        sizes = [len(request.predictions) for request in requests]
        moments = np.array([request.time.replace(tzinfo=None) for request in requests], dtype="datetime64[us]")
        yield Rows(
            {**columns, **_predicted(requests, contract)},
            np.repeat(moments, sizes),
            [value for request in requests for value in outcomes.of_request(request.request_id, request.rows)]
            if outcomes
            else None,
            releases=frozenset(request.release for request in requests),
        )


def _predicted(requests: Sequence[LoggedPrediction], contract: Contract) -> dict[str, Array]:
    numbers = np.array([answer for request in requests for answer in request.predictions], dtype=np.float64)
    labels = [label for request in requests for label in request.labels or []]
    return answered(contract, numbers, np.array(labels, dtype=object) if contract.classes else None)


def _of_file(file: Input, wanted: Wanted) -> Iterator[Rows]:
    contract = wanted.columns
    schema = schema_of(file, contract)
    check_types(schema, contract, file.path, state="")
    if wanted.told and wanted.told not in schema.names:
        raise DataError(f"{file.path} has no column '{wanted.told}'; it has {', '.join(schema.names)}")
    names = {*(column.name for column in contract.inputs), wanted.time, wanted.told, RELEASE_COLUMN}
    chosen = pa.schema([field for field in schema if field.name in names])
    for chunk in chunks_of(file, 0, 0, chosen):
        batch, raw = chunk.batch, file.format == "csv"
        wrong = 0
        if raw:
            batch, unreadable = typed(batch, chosen, contract)
            wrong = len({field.row for field in unreadable})
        yield _rows(batch, contract, wanted, raw, len(chunk.broken) + wrong, file)


def _rows(batch: pa.RecordBatch, contract: Contract, wanted: Wanted, raw: bool, broken: int, file: Input) -> Rows:
    names = batch.schema.names
    scored = batch.column(RELEASE_COLUMN) if RELEASE_COLUMN in names else None
    return Rows(
        to_columns(batch, contract, raw),
        _moments(batch.column(wanted.time), wanted.time, file) if wanted.time in names else None,
        _truth(batch, wanted) if wanted.told else None,
        frozenset(map(str, pc.unique(scored).to_pylist())) if scored is not None else frozenset(),
        broken,
    )


def _moments(values: pa.Array, name: str, file: Input) -> npt.NDArray[np.datetime64]:
    try:
        zoned = types.is_timestamp(values.type) and values.type.tz
        local = pc.local_timestamp(values) if zoned else values.cast(pa.timestamp("us"), safe=False)
    except pa.ArrowException as error:
        raise DataError(f"column '{name}' of {file.path} must hold times: {error}") from None
    if local.null_count:
        raise DataError(f"column '{name}' of {file.path} is null in {local.null_count} of {len(local)} rows")
    whole: Array = np.from_dlpack(local.cast(pa.timestamp("us"), safe=False).cast(pa.int64()))
    return whole.astype("datetime64[us]")


def _truth(batch: pa.RecordBatch, wanted: Wanted) -> list[Any]:
    values = values_of(batch.column(wanted.told))
    return wanted.outcomes.of(values) if wanted.outcomes else values
