"""Why a file cannot be read, in a sentence; for a CSV file with the row and the line where it went wrong."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from slipway.contract.schema import Contract
from slipway.contract.validation import expected, shown
from slipway.errors import ContractError, DataError, SlipwayError

_COLUMN = re.compile(
    r"In CSV column #(\d+): CSV conversion error to \w+: (invalid UTF8 data|invalid value '(.*)')", re.S
)
_WIDTH = re.compile(r"CSV parse error: Expected (\d+) columns, got (\d+)")
_BOM = b"\xef\xbb\xbf"


class _Row(NamedTuple):
    """A row of a CSV file: its number from 0, the line of the file on which it begins, and its fields as bytes."""

    number: int
    line: int
    fields: list[bytes]

    def __str__(self) -> str:
        return f"row {self.number} (line {self.line})"


def refusal(path: Path, error: Exception, names: Sequence[str], contract: Contract) -> SlipwayError:
    """The error to raise for one of pyarrow's, which names no row; ``names`` are the columns of the file."""
    reason = str(error).strip()
    if (found := _COLUMN.search(reason)) and int(found[1]) < len(names):
        return _bad_value(path, names, int(found[1]), found[3], contract)
    if width := _WIDTH.search(reason):
        row = _first(path, lambda fields: len(fields) != int(width[1]))
        where = f"{row} has {len(row.fields)} fields" if row else f"a row has {width[2]} fields"
        reason = f"{where} but the header has {width[1]}"
    return DataError(f"{path} cannot be read: {reason}; nothing was written")


def _bad_value(path: Path, names: Sequence[str], place: int, value: str | None, contract: Contract) -> SlipwayError:
    name = names[place]
    if value is None:
        row = _first(path, lambda fields: not _is_utf8(fields[place]))
        return DataError(f"{path} cannot be read: {_at(row)}column '{name}' holds no UTF-8; nothing was written")
    row = _first(path, lambda fields: fields[place].strip(b" \t") == value.encode())
    column = next(column for column in contract.inputs if column.name == name)
    return ContractError(
        f"{path} breaks the contract, so nothing was written: {_at(row)}column '{name}': "
        f"{shown(value)} came but {expected(column)} was expected"
    )


def _at(row: _Row | None) -> str:
    return f"{row}, " if row else ""


def _first(path: Path, wrong: Callable[[list[bytes]], bool]) -> _Row | None:
    """The first row of which ``wrong`` is true; the file is read a second time, since pyarrow tells no row."""
    with suppress(OSError, EOFError, csv.Error, IndexError):
        return next((row for row in _rows(path) if wrong(row.fields)), None)
    return None


def _rows(path: Path) -> Iterator[_Row]:
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with cast(BinaryIO, opened(path, "rb")) as file:
        reader = csv.reader(_lines(file))
        next(reader)
        line = reader.line_num + 1
        number = 0
        for fields in reader:
            if fields:  # an empty line is no row, for pyarrow too
                yield _Row(number, line, [field.encode("latin-1") for field in fields])
                number += 1
            line = reader.line_num + 1


def _lines(file: BinaryIO) -> Iterator[str]:
    """The lines in an encoding that has a character for every byte."""
    for number, line in enumerate(file):
        yield (line if number else line.removeprefix(_BOM)).decode("latin-1")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
