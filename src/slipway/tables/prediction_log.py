"""Define the records of the prediction log, and read them back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from slipway.errors import StorageError
from slipway.storage.rotating_files import files_by_time, final_path

LOG_NAME = "predictions"
"""Prefix of the names of the log's files."""
MAX_ROWS = 100
"""Number of rows that are logged per request, evenly spaced over it."""


def sample_rows(rows: int) -> range:
    """Return which rows of a request with ``rows`` rows are logged."""
    return range(0, rows, max(1, -(-rows // MAX_ROWS)))


class LoggedPrediction(msgspec.Struct, frozen=True):
    """A request and its predictions; it had ``rows`` rows, of which at most :data:`MAX_ROWS` are logged."""

    time: datetime
    release: str
    digest: str
    request_id: str
    rows: int
    inputs: dict[str, list[float | str | None]]
    predictions: list[list[float | None] | float | None]
    labels: list[str] | None = None


def read_predictions(folder: Path) -> Iterator[LoggedPrediction]:
    """Yield every logged request of all workers, file by file, without an incomplete line that a killed worker left.

    Raises:
        StorageError: a line of a file is not a logged prediction.
    """
    decode = msgspec.json.Decoder(LoggedPrediction).decode
    for path in files_by_time(folder, LOG_NAME):
        for number, line in enumerate(_whole_lines(path), start=1):
            try:
                yield decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise StorageError(f"line {number} of {path} is not a logged prediction: {error}") from None


def _whole_lines(path: Path) -> Iterator[bytes]:
    # Since the folder was listed, its worker may have renamed the finished file, or deleted it as too old.
    for name in (path, final_path(path)):
        with contextlib.suppress(FileNotFoundError), name.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
            return
