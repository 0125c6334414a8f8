"""What runs in each worker process: the champion it serves, and the watch on ``current`` that moves it."""

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
    """What the parent gives its workers: a bundle to serve, or a target to follow and the folder to report in."""

    options: Options
    parent: int
    metrics: Path | None = None  # shared by all workers
    bundle: Path | None = None
    target: Path | None = None
    presence: Path | None = None


class Worker:
    """Holds the champion and follows ``current``."""

    def __init__(
        self, job: Job, routes_of: Callable[[Worker], Mapping[str, Route]], route_names: Sequence[str]
    ) -> None:
        """A worker at the addresses that ``routes_of`` gives it; ``names`` are those that metrics know routes by."""
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
        """Is the parent gone? Nobody could stop or see this worker, and it would answer for an old release for ever."""
        return os.getppid() != self.job.parent

    @property
    def behind(self) -> bool:
        """Does ``current`` name something that this worker has not turned to yet?"""
        link = self._current_link()
        return link is not None and link != self._followed_link

    def start(self) -> None:
        """Load the first bundle. One that fails leaves a worker that answers 503 and waits for a better one."""
        if self._acknowledgement_file is not None:
            self._lock = hold_lock(self._acknowledgement_file.with_suffix(".lock"))
        if self.job.bundle is not None:
            self._swap_to(self.job.bundle, None)
        else:
            self.follow()

    def follow(self) -> None:
        """Turn to what ``current`` names now, and tell what came of it."""
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
        """Take back what this worker said."""
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
            # Whatever it is, the old release keeps answering and the rollout is told.
            _logger.exception("worker %d met an unknown fault in %s", os.getpid(), folder)
            self._report_failure(folder, f"{type(error).__name__}: {error}")
        else:
            # A rollout that was taken back while this one loaded must not serve for even a moment.
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
        still = f"{self.serving.release} still serves" if self.serving else "nothing is served"
        print(f"worker {os.getpid()} could not load {folder}: {reason}; {still}", file=sys.stderr, flush=True)

    def _acknowledge(self, wanted: str) -> None:
        if self._acknowledgement_file is None:
            return
        release, digest = (self.serving.release, self.serving.digest) if self.serving else (None, None)
        said = Acknowledgement(os.getpid(), release, digest, now(), wanted, self.error)
        try:
            write_record(self._acknowledgement_file, said)
        except StorageError as error:
            print(f"worker {os.getpid()} cannot say what it serves: {error}", file=sys.stderr, flush=True)
