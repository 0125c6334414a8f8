"""A request and an answer as the handlers of all routes see them, and refusals in the shape of each protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from slipway.inference.engines import Array, Columns, Predictions

JSON = "application/json"


class Request(NamedTuple):
    """What a handler may look at; names of headers are in lower case."""

    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What goes back, and what was asked and predicted for it, which a log may want."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    asked: Asked | None = None

    @property
    def rows(self) -> int:
        """How many rows were predicted for it."""
        return len(self.asked.made.values) if self.asked else 0


class Pending(NamedTuple):
    """An answer that can be finished once its row was predicted, together with others."""

    predicted: asyncio.Future[Predicted]
    finish: Callable[[Array], Answer]


Handler = Callable[[Request, Any], Answer | Pending]
"""Takes what is served, a ``Serving``, which is None only on a route that answers always."""


class Route(NamedTuple):
    """One address.

    ``predicts``: it has a body, and its work waits for a turn; ``slow``: it is worked on in a thread; ``open``: it takes
    no token; ``always``: it answers also where nothing is served.
    """

    method: str
    handle: Handler
    name: str
    predicts: bool = False
    slow: bool = False
    open: bool = False
    always: bool = False


class Refusal(Exception):
    """Why there is no answer, before it has the shape of a protocol."""

    def __init__(self, status: int, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


def refused(refusal: Refusal, path: str) -> Answer:
    """A refusal in the shape that clients of this path expect: the Open Inference Protocol's, or else MLflow's."""
    is_v2 = path == "/v2" or path.startswith("/v2/")
    said = {"error": refusal.message} if is_v2 else {"error_code": refusal.code, "message": refusal.message}
    return Answer(refusal.status, msgspec.json.encode(said), headers=refusal.headers)


class Asked(NamedTuple):
    """What was asked and answered: how to read the columns once more, off the hot path, from this many bytes."""

    columns: Callable[[], Columns]
    made: Predictions
    size: int


class Predicted(NamedTuple):
    """What the model says to one row, [1, K] or [1], and the row's share of the time that it took."""

    values: Array
    seconds: float
