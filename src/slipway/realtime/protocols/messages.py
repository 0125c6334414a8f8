"""A request and an answer as the handlers of all routes see them, and refusals in the shape of each protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from slipway.inference.engines import Array, Columns, Predictions

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler may look at; names of headers are in lower case."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back, and what was asked and predicted for it, which a log may want."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    call: LoggedCall | None = None

    @property
    def rows(self) -> int:
        """How many rows were predicted for it."""
        return len(self.call.predictions.values) if self.call else 0


@dataclass(frozen=True, slots=True)
class PendingResponse:
    """An answer that can be finished once its row was predicted, together with others."""

    prediction: asyncio.Future[RowPrediction]
    finish: Callable[[Array], Response]


Handler = Callable[[Request, Any], Response | PendingResponse]
"""Takes what is served, a ``Serving``, which is None only on a route that answers always."""


@dataclass(frozen=True, slots=True)
class Route:
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


class ErrorResponse(Exception):
    """Why there is no answer, before it has the shape of a protocol."""

    def __init__(self, status: int, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


def render_error(error: ErrorResponse, path: str) -> Response:
    """A refusal in the shape that clients of this path expect: the Open Inference Protocol's, or else MLflow's."""
    is_v2 = path == "/v2" or path.startswith("/v2/")
    said = {"error": error.message} if is_v2 else {"error_code": error.code, "message": error.message}
    return Response(error.status, msgspec.json.encode(said), headers=error.headers)


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """What was asked and answered: how to read the columns once more, off the hot path, from this many bytes."""

    columns: Callable[[], Columns]
    predictions: Predictions
    size: int


@dataclass(frozen=True, slots=True)
class RowPrediction:
    """What the model says to one row, [1, K] or [1], and the row's share of the time that it took."""

    values: Array
    seconds: float
