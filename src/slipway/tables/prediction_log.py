"""What the prediction log keeps of a request, and how it is read again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from slipway.errors import StorageError
from slipway.storage.rotating_files import files_by_time, final_path

LOG_NAME = "predictions"
"""What the names of the log's files begin with."""
MAX_ROWS = 100
"""Rows of one request that are kept, evenly spaced over it."""


def sample_rows(rows: int) -> range:
    """Which rows of a request of so many are kept."""
    return range(0, rows, max(1, -(-rows // MAX_ROWS)))


class LoggedPrediction(msgspec.Struct, frozen=True):
    """A request and its answer; ``rows`` came, and at most :data:`MOST_ROWS` of them are here."""

    time: datetime
    release: str
    digest: str
    request_id: str
    rows: int
    inputs: dict[str, list[float | str | None]]
    predictions: list[list[float | None] | float | None]
    labels: list[str] | None = None


def read_predictions(folder: Path) -> Iterator[LoggedPrediction]:
    """Every logged request of all workers, file by file, but not the half line that a killed worker may have left.

    Raises:
        StorageError: a line in a file is not a logged prediction.
    """
    decode = msgspec.json.Decoder(LoggedPrediction).decode
    for path in files_by_time(folder, LOG_NAME):
        for number, line in enumerate(_whole_lines(path), start=1):
            try:
                yield decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise StorageError(f"line {number} of {path} is not a logged prediction: {error}") from None


def _whole_lines(path: Path) -> Iterator[bytes]:
    # Since the folder was listed, its worker may have finished and renamed the file, or forgotten it.
    for name in (path, final_path(path)):
        with contextlib.suppress(FileNotFoundError), name.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
            return
