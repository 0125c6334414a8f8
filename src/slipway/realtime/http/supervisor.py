"""The background task of a worker: follows ``current``, cancels slow reads, reloads tokens and flushes the logs."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from slipway.realtime.http.options import STDERR
from slipway.realtime.telemetry.access_log import AccessEntry, AccessLog
from slipway.realtime.telemetry.metrics import OTHER_ROUTE
from slipway.realtime.telemetry.prediction_logger import PredictionLog

if TYPE_CHECKING:
    from slipway.realtime.http.admission import AdmissionQueue
    from slipway.realtime.http.request_body import BodyReader
    from slipway.realtime.http.worker import Worker
    from slipway.realtime.protocols.messages import Response, Route
    from slipway.realtime.protocols.served_model import ServedModel

POLL_SECONDS = 0.05
_TOKEN_SECONDS = 1.0


class Supervisor:
    """Background task of one worker, which also records each response in metrics and logs."""

    def __init__(self, worker: Worker, admission: AdmissionQueue, body_reader: BodyReader) -> None:
        options = worker.job.options
        self._worker, self._admission, self._bodies = worker, admission, body_reader
        access_log = None if options.access_log == STDERR else options.access_log
        self._access = AccessLog(access_log) if options.access_log else None
        self._predictions = (
            PredictionLog(options.prediction_log, options.log_sample) if options.prediction_log else None
        )
        self._tokens_checked_at = time.monotonic()

    async def watch(self) -> None:
        """Poll every 50 ms until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if self._worker.orphaned:
                os.kill(os.getpid(), signal.SIGTERM)
                return
            if self._worker.behind:
                await asyncio.to_thread(self._worker.follow)
            self._bodies.cancel_slow_reads()
            self._worker.metrics.set_queue_length(self._admission.waiting)
            if time.monotonic() - self._tokens_checked_at > _TOKEN_SECONDS:
                self._tokens_checked_at = time.monotonic()
                self._worker.auth.reload_tokens()
            await self._flush_logs()

    def record_response(
        self,
        scope: Any,
        route: Route | None,
        request_id: str,
        response: Response,
        serving: ServedModel | None,
        seconds: float,
    ) -> None:
        """Record one response in the metrics and the logs."""
        self._worker.metrics.count_response(
            route.name if route else OTHER_ROUTE, response.status, seconds, response.rows
        )
        if self._predictions is not None and response.call is not None and serving is not None:
            self._predictions.offer(serving.scorer, response.call, request_id)
        if self._access is not None:
            self._access.write(
                AccessEntry(
                    id=request_id,
                    client=scope.client,
                    method=scope.method,
                    path=scope.path,
                    status=response.status,
                    seconds=round(seconds, 6),
                    rows=response.rows,
                    bytes=int(scope.headers.get("content-length") or 0),
                    release=serving.release if serving else None,
                )
            )

    def close_logs(self) -> None:
        """Write the lines that are still in memory, and close the logs."""
        for log in (self._access, self._predictions):
            if log is not None:
                log.close()

    async def _flush_logs(self) -> None:
        if self._access is not None:
            # In a thread, because stderr can be a pipe that nobody reads, and then the write blocks.
            await asyncio.to_thread(self._access.flush)
            self._worker.metrics.count_drops(self._access.take_drops(), "access")
        if self._predictions is not None:
            self._worker.metrics.count_drops(self._predictions.take_drops(), "prediction")
