"""What runs in each worker process: the champion it serves, and the watch on ``current`` that moves it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from deploy.bundle import digest_in_name
from deploy.realtime.presence import Acknowledgement, hold, now, write
from pipeline.errors import NotFoundError, SlipwayError

if TYPE_CHECKING:
    from deploy.realtime.app import App
    from deploy.scorer import Scorer

POLL_SECONDS = 0.05
_logger = logging.getLogger(__name__)


class Options(msgspec.Struct, frozen=True):
    """What the parent tells its workers: a bundle to serve, or a target to follow and the folder to report in."""

    parent: int
    bundle: Path | None = None
    target: Path | None = None
    presence: Path | None = None


class Serving(NamedTuple):
    """All that one answer is made from. A request takes it once, so no answer mixes two releases."""

    scorer: Scorer
    release: str
    digest: str


def make_app(options: Options) -> App:
    """The ASGI application of one worker; granian calls this in the worker's own process."""
    # One row at a time has no use for the threads that OpenBLAS would start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from deploy.realtime.app import App

    return App(Worker(options))


class Worker:
    """Holds the champion and follows ``current``."""

    def __init__(self, options: Options) -> None:
        self.serving: Serving | None = None
        self.error: str | None = None
        self._options = options
        self._seen: str | None = None
        self._lock: int | None = None

    def start(self) -> None:
        """Load the first bundle. One that fails leaves a worker that answers 503 and waits for a better one."""
        if self._options.presence is not None:
            self._lock = hold(self._presence_file(".lock"))
        if self._options.bundle is not None:
            self._turn_to(self._options.bundle, None)
        elif (link := self._link()) is not None:
            self._follow_to(link)

    async def watch(self) -> None:
        """Look at ``current`` and at the parent process every 50 ms until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if os.getppid() != self._options.parent:
                # Nobody could stop or see an orphan, and it would answer for an old release for ever.
                os.kill(os.getpid(), signal.SIGTERM)
                return
            link = self._link()
            if link is not None and link != self._seen:
                await asyncio.to_thread(self._follow_to, link)

    def stop(self) -> None:
        """Take back what this worker said."""
        if self._lock is not None:
            self._presence_file(".json").unlink(missing_ok=True)
            self._presence_file(".lock").unlink(missing_ok=True)
            os.close(self._lock)

    def _link(self) -> str | None:
        target = self._options.target
        if target is None:
            return None
        try:
            return str((target / "current").readlink())
        except OSError:
            return None

    def _follow_to(self, link: str) -> None:
        self._seen = link
        folder = Path(os.path.normpath(f"{self._options.target}/{link}"))
        if self.serving is None or self.serving.scorer.bundle.path != folder.resolve():
            self._turn_to(folder, link)
        else:
            self.error = None
        self._acknowledge(folder.name)

    def _turn_to(self, folder: Path, link: str | None) -> None:
        from deploy.scorer import load

        try:
            scorer = load(folder, expected_digest=digest_in_name(folder))
            scorer.check_golden()
        except SlipwayError as error:
            self._refuse(folder, str(error))
        except Exception as error:
            # Whatever it is, the old release keeps answering and the rollout is told.
            _logger.exception("worker %d met an unknown fault in %s", os.getpid(), folder)
            self._refuse(folder, f"{type(error).__name__}: {error}")
        else:
            if self.serving is not None and self._link() != link:
                # A rollout that was taken back while this one loaded must not serve for even a moment.
                return
            self.serving = Serving(scorer, scorer.bundle.release.version, scorer.bundle.digest)
            self.error = None

    def _refuse(self, folder: Path, reason: str) -> None:
        self.error = reason
        still = f"{self.serving.release} still serves" if self.serving else "nothing is served"
        print(f"worker {os.getpid()} could not load {folder}: {reason}; {still}", file=sys.stderr, flush=True)

    def _acknowledge(self, wanted: str) -> None:
        if self._options.presence is None:
            return
        release, digest = (self.serving.release, self.serving.digest) if self.serving else (None, None)
        said = Acknowledgement(os.getpid(), release, digest, now(), wanted, self.error)
        try:
            write(self._presence_file(".json"), said)
        except OSError as error:
            print(f"worker {os.getpid()} cannot say what it serves: {error}", file=sys.stderr, flush=True)

    def _presence_file(self, suffix: str) -> Path:
        if self._options.presence is None:
            raise NotFoundError("this worker follows no target")
        return self._options.presence / f"worker-{os.getpid()}{suffix}"
