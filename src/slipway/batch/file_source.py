"""The file that is scored, as a stream of record batches typed by the contract."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from slipway.batch.file_refusals import refusal
from slipway.contract.schema import Column, Contract
from slipway.errors import DataError, SettingsError, SlipwayError
from slipway.tables.arrow_columns import TEXT_TYPES

_ROWS = 1 << 16
_BLOCK = 1 << 23
_BUFFER = 1 << 20
Refuse = Callable[[Exception], SlipwayError]


class Source:
    """An open source: the columns it keeps, and its batches. A CSV file has no null but the empty text."""

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        kept: list[str],
        stream: Callable[[], Iterator[pa.RecordBatch]],
        refuse: Refuse,
        *,
        csv: bool,
    ) -> None:
        self.path = path
        self.schema = schema
        self.kept = kept
        self.empty_is_null = csv
        self._stream, self._refuse = stream, refuse
        self._whole: set[str] = set()

    def kept_field(self, name: str) -> pa.Field:
        """The field that a kept column is written as."""
        return pa.field(name, pa.int64()) if name in self._whole else self.schema.field(name)

    def write_whole(self, columns: Sequence[Column]) -> None:
        """Write the whole numbers among these columns, which CSV gave as float64, as int64 again."""
        self._whole = {column.name for column in columns if column.type == "long"}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Every batch in order.

        Raises:
            DataError: the file is truncated or malformed from here on.
            ContractError: a text of a CSV file is none of its column's type.
        """
        try:
            yield from self._stream()
        except (pa.ArrowException, OSError, EOFError) as error:
            raise self._refuse(error) from None


@contextmanager
def open_source(path: Path, contract: Contract, keep: Sequence[str]) -> Iterator[Source]:
    """Open a CSV (plain or ``.gz``) or Parquet file.

    Raises:
        DataError: it is missing, empty or malformed, or lacks a column that the contract or ``keep`` names.
        SettingsError: its suffix is none that we read.
    """
    name = path.name.lower()
    if not name.endswith((".csv", ".csv.gz", ".parquet")):
        raise SettingsError(f"{path} must end in .csv, .csv.gz or .parquet, which says how it is read")
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    opened = _open_parquet if name.endswith(".parquet") else _open_csv
    with opened(path, contract, keep) as source:
        yield source


@contextmanager
def _open_parquet(path: Path, contract: Contract, keep: Sequence[str]) -> Iterator[Source]:
    refuse = partial(refusal, path, names=(), contract=contract)
    try:
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER)
    except (pa.ArrowException, OSError) as error:
        raise refuse(error) from None
    with file:
        schema = file.schema_arrow
        kept, wanted = _choose(schema.names, contract, keep, path)
        yield Source(path, schema, kept, lambda: file.iter_batches(_ROWS, columns=wanted), refuse, csv=False)


@contextmanager
def _open_csv(path: Path, contract: Contract, keep: Sequence[str]) -> Iterator[Source]:
    names: list[str] = []
    refuse = partial(refusal, path, names=names, contract=contract)
    try:
        with _reader(path, csv.ConvertOptions()) as first:
            names += first.schema.names
        kept, wanted = _choose(names, contract, keep, path)
        # Columns that the model does not read stay the very text they are: an id "00123" is no number.
        types = dict.fromkeys(names, pa.string()) | {c.name: TEXT_TYPES[c.type] for c in contract.inputs}
        reader = _reader(path, csv.ConvertOptions(column_types=types, include_columns=wanted))
    except (pa.ArrowException, OSError, EOFError) as error:
        raise refuse(error) from None
    with reader:
        source = Source(path, reader.schema, kept, lambda: iter(reader), refuse, csv=True)
        source.write_whole(contract.inputs)
        yield source


def _reader(path: Path, convert: csv.ConvertOptions) -> csv.CSVStreamingReader:
    stream = pa.input_stream(str(path), compression="gzip" if path.name.lower().endswith(".gz") else None)
    parse = csv.ParseOptions(newlines_in_values=True)
    return csv.open_csv(stream, csv.ReadOptions(block_size=_BLOCK), parse, convert)


def _choose(names: list[str], contract: Contract, keep: Sequence[str], path: Path) -> tuple[list[str], list[str]]:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path} has more than one column '{twice[0]}'; nothing was written")
    inputs = [column.name for column in contract.inputs]
    required = [column.name for column in contract.inputs if not column.nullable]
    for name in (*required, *keep):
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else f"; it has {', '.join(map(repr, names))}"
            raise DataError(f"{path} has no column '{name}'{hint}; nothing was written")
    kept = list(dict.fromkeys(keep)) or names
    return kept, [name for name in names if name in kept or name in inputs]
