"""What goes wrong, and at which request."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .messages import DOCS, Answer, Request

Kind = Literal["answer", "reset", "hang", "cut answer", "cut upload", "rate limit", "kill", "call"]
BREAKING = ("reset", "hang", "kill")
SECONDARY = (
    "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. "
    "Please retry your request again later."
)


@dataclass(frozen=True)
class Fault:
    """One fault at the ``at``-th request (from 1) among those that ``matching`` finds in "METHOD /path".

    ``answer``: HTTP ``status`` instead of the true answer. ``reset``: the connection breaks. ``hang``: no answer until
    the fake closes. ``cut answer``: Content-Length promises more than is sent (a reset where
    there is nothing to send). ``cut upload``: half of the body
    arrives, the answer is 502. ``rate limit``: 403 with Retry-After. ``kill``: ``action``, which kills the client, then
    a reset. ``call``: ``action``, then the request goes on: somebody else was quicker. With ``after`` the work is done
    first and only the answer suffers.
    """

    kind: Kind
    at: int = 1
    after: bool = False
    matching: str = ""
    times: int = 1
    status: int = 502
    retry_after: int = 1
    action: Callable[[], None] | None = None

    def concerns(self, request: Request) -> bool:
        return re.search(self.matching, str(request)) is not None

    def answered(self) -> Answer | None:
        """The answer that takes the true one's place, if this fault gives one."""
        if self.kind == "answer":
            return Answer(self.status, {"message": "Server Error"})
        if self.kind == "rate limit":
            body = {"message": SECONDARY, "documentation_url": f"{DOCS}/overview/rate-limits-for-the-rest-api"}
            return Answer(403, body, {"Retry-After": str(self.retry_after)})
        return None


class Faults:
    """The plan: every fault counts the requests that concern it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: list[tuple[Fault, list[int]]] = []

    def plan(self, *faults: Fault) -> None:
        """Add faults; each counts from now."""
        with self._lock:
            self._seen.extend((fault, []) for fault in faults)

    def clear(self) -> None:
        with self._lock:
            self._seen.clear()

    def due(self, request: Request) -> list[Fault]:
        """The faults whose turn this request is."""
        with self._lock:
            return [fault for fault, seen in self._seen if self._turn(fault, seen, request)]

    def _turn(self, fault: Fault, seen: list[int], request: Request) -> bool:
        if not fault.concerns(request):
            return False
        seen.append(request.number)
        return fault.at <= len(seen) < fault.at + fault.times
