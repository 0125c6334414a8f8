"""Prometheus metrics, summed over all workers of a server.

prometheus-client has a multiprocess mode, but it costs 4 to 6 us per request, and its import adds 40 ms to every start. Here
each worker adds to cells that all workers can read (0.4 us), and the library only renders the sums on request.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from slipway.realtime.telemetry.shared_counters import Numbers, SharedCounters

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER_ROUTE = "other"
"""Route label of all unknown paths, so that clients cannot create new time series."""
BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds: a small request takes 0.1 ms, a large one seconds."""

_ROWS, _QUEUE, _SWAPS_OK, _SWAPS_FAILED, _STARTS, _DROPPED, _UNLOGGED, _FIRST_ROUTE = range(8)
_LABEL = 128
_CODES = 1000
_SECONDS = _CODES + len(BUCKETS) + 1
_ROUTE = _SECONDS + 1


class Metrics:
    """Metrics of one worker; :meth:`expose` renders those of all workers. Two threads must not write the same metric."""

    def __init__(self, folder: Path | None, routes: Iterable[str]) -> None:
        names = [*routes, OTHER_ROUTE]
        self._route_starts = {name: _FIRST_ROUTE + _ROUTE * position for position, name in enumerate(names)}
        self._other_start = self._route_starts[OTHER_ROUTE]
        self._cells = SharedCounters(folder, _FIRST_ROUTE + _ROUTE * len(names))
        self._numbers = self._cells.numbers
        self._numbers[_STARTS] += 1
        # The file may come from a worker that was killed: its counts stay valid, its queue and its release do not.
        self._numbers[_QUEUE] = 0
        self._cells.set_text("")

    def count_response(self, route: str, status: int, seconds: float, rows: int) -> None:
        """Count one response. An unknown route counts as ``other``."""
        numbers, start = self._numbers, self._route_starts.get(route, self._other_start)
        numbers[start + status] += 1
        numbers[start + _CODES + bisect_left(BUCKETS, seconds)] += 1
        numbers[start + _SECONDS] += seconds
        numbers[_ROWS] += rows

    def set_queue_length(self, requests: int) -> None:
        """Set the number of requests that are queued in this worker."""
        self._numbers[_QUEUE] = requests

    def set_release(self, release: str, digest: str) -> None:
        """Set the release that this worker serves."""
        self._cells.set_text(msgspec.json.encode((release[:_LABEL], digest[:_LABEL])).decode())

    def count_swap(self, *, ok: bool) -> None:
        """Count a switch to another release."""
        self._numbers[_SWAPS_OK if ok else _SWAPS_FAILED] += 1

    def count_drops(self, lines: int, log: Literal["access", "prediction"]) -> None:
        """Count lines that a log dropped."""
        self._numbers[_UNLOGGED if log == "access" else _DROPPED] += lines

    def expose(self) -> bytes:
        """Render all workers' metrics in Prometheus's text format. The first call takes 50 ms, so call it in a thread."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families; prometheus-client's registry calls this."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        workers = list(self._cells.read_all())
        alive = [worker for worker in workers if worker.alive]
        total = np.sum([worker.numbers for worker in workers], axis=0)
        yield from self._route_metrics(total)
        for name, description, cell in _COUNTERS:
            yield CounterMetricFamily(name, description, total[cell])
        swaps = CounterMetricFamily("slipway_swaps", "Switches to another release.", labels=["outcome"])
        swaps.add_metric(["ok"], total[_SWAPS_OK])
        swaps.add_metric(["failed"], total[_SWAPS_FAILED])
        yield swaps
        waiting = sum(worker.numbers[_QUEUE] for worker in alive)
        yield GaugeMetricFamily("slipway_queue_requests", "Requests in the queue now.", waiting)
        yield GaugeMetricFamily("slipway_workers", "Live workers.", len(alive))
        info = GaugeMetricFamily("slipway_model_info", "Workers that serve this release.", labels=["release", "digest"])
        serving = Counter(tuple(msgspec.json.decode(worker.text)) for worker in alive if worker.text)
        for labels, count in serving.items():
            info.add_metric(labels, count)
        yield info

    def _route_metrics(self, total: Numbers) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily(
            "slipway_requests", "Responses by route and status code.", labels=["route", "code"]
        )
        seconds = HistogramMetricFamily("slipway_request_seconds", "Response time in seconds.", labels=["route"])
        for route, start in self._route_starts.items():
            codes = total[start : start + _CODES]
            for code in np.flatnonzero(codes).tolist():
                requests.add_metric([route, str(code)], codes[code])
            if codes.any():
                counts = np.cumsum(total[start + _CODES : start + _SECONDS]).tolist()
                bounds = [*map(str, BUCKETS), "+Inf"]
                seconds.add_metric([route], list(zip(bounds, counts, strict=True)), total[start + _SECONDS])
        yield requests
        yield seconds


_COUNTERS = (
    ("slipway_rows", "Predicted rows.", _ROWS),
    (
        "slipway_worker_starts",
        "Workers started; more than the number of workers means that some were replaced.",
        _STARTS,
    ),
    ("slipway_prediction_log_dropped", "Sampled requests that the prediction log dropped.", _DROPPED),
    ("slipway_access_log_dropped", "Lines that the access log dropped.", _UNLOGGED),
)
