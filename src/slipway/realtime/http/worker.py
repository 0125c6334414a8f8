"""State of a worker process: the model that it serves, and how it follows ``current`` to the next one."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from slipway.errors import SlipwayError, StorageError
from slipway.realtime.http.options import Options
from slipway.realtime.protocols.served_model import ServedModel, load
from slipway.storage.clock import now
from slipway.storage.locks import hold_lock
from slipway.target.registration import Acknowledgement, rollout_token, write_record

if TYPE_CHECKING:
    from slipway.realtime.protocols.messages import Route

_logger = logging.getLogger(__name__)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Work order of the parent for its workers: a bundle to serve, or a target to follow and the folder to report in."""

    options: Options
    parent: int
    metrics: Path | None = None  # shared by all workers
    bundle: Path | None = None
    target: Path | None = None
    presence: Path | None = None


class Worker:
    """Serves one release at a time and follows ``current``."""

    def __init__(
        self, job: Job, routes_of: Callable[[Worker], Mapping[str, Route]], route_names: Sequence[str]
    ) -> None:
        """Create a worker with the routes of ``routes_of``; ``route_names`` are their labels in the metrics."""
        from slipway.realtime.http.auth import BearerAuth
        from slipway.realtime.telemetry.metrics import Metrics

        self.job = job
        self.serving: ServedModel | None = None
        self.error: str | None = None
        self.metrics = Metrics(job.metrics, route_names)
        self.auth = BearerAuth(job.options.token_file, rollout_token(job.presence) if job.presence else None)
        self._routes_of = routes_of
        self.routes: Mapping[str, Route] = routes_of(self)
        self._followed_link: str | None = None
        self._acknowledgement_file = job.presence and job.presence / f"worker-{os.getpid()}.json"
        self._lock: int | None = None

    @property
    def orphaned(self) -> bool:
        """Whether the parent has died. Then nothing could stop this worker, and it would serve an old release forever."""
        return os.getppid() != self.job.parent

    @property
    def behind(self) -> bool:
        """Whether ``current`` names a release that this worker has not loaded yet."""
        link = self._current_link()
        return link is not None and link != self._followed_link

    def start(self) -> None:
        """Load the first bundle. If that fails, the worker responds with 503 and waits for the next rollout."""
        if self._acknowledgement_file is not None:
            self._lock = hold_lock(self._acknowledgement_file.with_suffix(".lock"))
        if self.job.bundle is not None:
            self._swap_to(self.job.bundle, None)
        else:
            self.follow()

    def follow(self) -> None:
        """Load the release that ``current`` names now, and report the result."""
        if (link := self._current_link()) is None:
            return
        self._followed_link = link
        folder = Path(os.path.normpath(f"{self.job.target}/{link}"))
        if self.serving is None or self.serving.scorer.bundle.path != folder.resolve():
            self._swap_to(folder, link)
        else:
            self.error = None
        self._acknowledge(folder.name)

    def stop(self) -> None:
        """Remove the report of this worker."""
        if self._acknowledgement_file is not None and self._lock is not None:
            self._acknowledgement_file.unlink(missing_ok=True)
            self._acknowledgement_file.with_suffix(".lock").unlink(missing_ok=True)
            os.close(self._lock)

    def _current_link(self) -> str | None:
        if self.job.target is None:
            return None
        try:
            return str((self.job.target / "current").readlink())
        except OSError:
            return None

    def _swap_to(self, folder: Path, link: str | None) -> None:
        try:
            serving = load(folder)
        except SlipwayError as error:
            self._report_failure(folder, str(error))
        except Exception as error:
            # Whatever fails, the old release stays served and the rollout gets the error.
            _logger.exception("worker %d: unexpected error while loading %s", os.getpid(), folder)
            self._report_failure(folder, f"{type(error).__name__}: {error}")
        else:
            # If the rollout was undone while this bundle was loading, the bundle must not serve a single request.
            if self.serving is None or self._current_link() == link:
                self._serve(serving)

    def _serve(self, serving: ServedModel) -> None:
        if self.serving is not None:
            self.metrics.count_swap(ok=True)
        self.serving, self.error = serving, None
        self.routes = self._routes_of(self)
        self.metrics.set_release(serving.release, serving.digest)

    def _report_failure(self, folder: Path, reason: str) -> None:
        self.error = reason
        self.metrics.count_swap(ok=False)
        state = f"{self.serving.release} is still served" if self.serving else "no release is served"
        print(f"worker {os.getpid()} could not load {folder}: {reason}; {state}", file=sys.stderr, flush=True)

    def _acknowledge(self, wanted: str) -> None:
        if self._acknowledgement_file is None:
            return
        release, digest = (self.serving.release, self.serving.digest) if self.serving else (None, None)
        acknowledgement = Acknowledgement(os.getpid(), release, digest, now(), wanted, self.error)
        try:
            write_record(self._acknowledgement_file, acknowledgement)
        except StorageError as error:
            print(f"worker {os.getpid()} cannot report which release it serves: {error}", file=sys.stderr, flush=True)
