"""On which line of a CSV file a row begins, which is what an editor shows: empty lines and quoted newlines count."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import BinaryIO, cast

from slipway.tables.input_files import Input

_BOM = b"\xef\xbb\xbf"


def find_lines(file: Input, rows: Collection[int]) -> dict[int, int]:
    """The line, from 1, of each of these rows, which count from 0 after the header; none where it cannot be found.

    The file is read a second time, up to the last of them: pyarrow tells no line.
    """
    found: dict[int, int] = {}
    with suppress(OSError, EOFError, csv.Error), io.BufferedReader(file.open()) as raw:
        opened = cast("BinaryIO", gzip.GzipFile(fileobj=raw) if file.zipped else raw)
        for row, line in _beginnings(_lines(opened)):
            if row in rows:
                found[row] = line
            if row >= max(rows):
                break
    return found


def _beginnings(lines: Iterator[str]) -> Iterator[tuple[int, int]]:
    """Each row's number and the line on which it begins."""
    reader = csv.reader(lines)
    next(reader, None)
    row, line = 0, reader.line_num + 1
    for fields in reader:
        if fields:  # an empty line is no row, for pyarrow too
            yield row, line
            row += 1
        line = reader.line_num + 1


def _lines(file: BinaryIO) -> Iterator[str]:
    """The lines in an encoding that has a character for every byte."""
    for number, line in enumerate(file):
        yield (line if number else line.removeprefix(_BOM)).decode("latin-1")
