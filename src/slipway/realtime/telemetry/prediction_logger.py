"""Logs a sample of requests and their predictions for drift detection.

The request's thread only draws a random number and queues the request; a separate thread encodes and writes it. Requests
that do not fit into memory or onto the disk are dropped and counted.
"""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec

from slipway.errors import StorageError
from slipway.realtime.protocols.messages import LoggedCall
from slipway.realtime.telemetry.log_once import LogOnce
from slipway.storage.rotating_files import RotatingFiles
from slipway.tables.prediction_log import LOG_NAME, LoggedPrediction, sample_rows

if TYPE_CHECKING:
    from slipway.inference.scorer import Scorer

MAX_WAITING = 1000
MAX_WAITING_BYTES = 32 << 20
_CLOSE_SECONDS = 2.0
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _SampledCall:
    time: datetime
    scorer: Scorer
    request_id: str
    call: LoggedCall
    size: int


class PredictionLog:
    """Prediction log of one worker. Create it in the worker process, because it starts a thread.

    Args:
        folder: the folder of the log files, shared by all workers.
        sample: the share of requests to log, from 0 to 1.
        max_bytes: the size limit of a file.
        max_files: how many files to keep per worker.
    """

    def __init__(self, folder: Path, sample: float, *, max_bytes: int = 64 << 20, max_files: int = 10) -> None:
        self._sample = sample
        self._files = RotatingFiles(folder, LOG_NAME, max_bytes=max_bytes, max_files=max_files)
        self._failure_log = LogOnce(f"the prediction log in {folder}")
        self._offers: SimpleQueue[_SampledCall | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def offer(self, scorer: Scorer, call: LoggedCall, request_id: str) -> None:
        """Queue this request if it is sampled and there is room. It never blocks and never raises."""
        # The random number selects a statistical sample, not a secret.
        if random.random() >= self._sample or len(call.predictions.values) == 0:  # noqa: S311
            return
        offer = _SampledCall(datetime.now(UTC), scorer, request_id, call, call.size + call.predictions.values.nbytes)
        with self._lock:
            room = self._waiting_bytes + offer.size <= MAX_WAITING_BYTES and self._offers.qsize() < MAX_WAITING
            self._waiting_bytes += offer.size if room else 0
            self._dropped += 0 if room else 1
        if room:
            self._offers.put(offer)

    def take_drops(self) -> int:
        """Return how many sampled requests were dropped since the last call."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def close(self) -> None:
        """Write the queued requests, for at most two seconds, and close the file."""
        self._offers.put(None)
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while (offer := self._offers.get()) is not None:
            written = self._write(offer)
            with self._lock:
                self._waiting_bytes -= offer.size
                self._dropped += 0 if written else 1
        try:
            self._files.finish()
        except OSError as error:
            self._failure_log.report_failure(error)

    def _write(self, offer: _SampledCall) -> bool:
        try:
            self._files.append(msgspec.json.encode(_build_entry(offer)) + b"\n")
        except OSError as error:
            self._failure_log.report_failure(error)
            return False
        except Exception:
            # One request that cannot be encoded must not end the thread, and with it the log.
            _logger.exception("request %s could not be logged", offer.request_id)
            return False
        self._failure_log.report_recovery()
        return True


def check_writable(folder: Path) -> None:
    """Check, before the server starts, that files can be created in the folder.

    Raises:
        StorageError: the folder cannot be created or written.
    """
    probe = folder / ".probe"
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"the prediction log {folder} cannot be written: {error.strerror}; nothing was started"
        ) from None


def _build_entry(offer: _SampledCall) -> LoggedPrediction:
    predictions, bundle = offer.call.predictions, offer.scorer.bundle
    columns: dict[str, Any] = offer.scorer.complete_columns(offer.call.columns())
    rows = len(predictions.values)
    step = sample_rows(rows).step
    return LoggedPrediction(
        offer.time,
        bundle.release.version,
        bundle.digest[:12],
        offer.request_id,
        rows,
        {name: values[::step].tolist() for name, values in columns.items()},
        predictions.values[::step].tolist(),
        None if predictions.labels is None else predictions.labels[::step].tolist(),
    )
