"""Request, response, route and error types of all handlers, and error bodies in the format of each protocol."""

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
    """A request as handlers see it; header names are lower case."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """A response, with the inputs and predictions behind it for the prediction log."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    call: LoggedCall | None = None

    @property
    def rows(self) -> int:
        """Number of predicted rows."""
        return len(self.call.predictions.values) if self.call else 0


@dataclass(frozen=True, slots=True)
class PendingResponse:
    """A response that waits for the prediction of its row, which is batched with the rows of other requests."""

    prediction: asyncio.Future[RowPrediction]
    finish: Callable[[Array], Response]


Handler = Callable[[Request, Any], Response | PendingResponse]
"""Takes a ``Request`` and the ``ServedModel``, which is None only on a route with ``always``."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    ``predicts``: has a body and passes admission control; ``slow``: runs in a thread; ``open``: needs no token;
    ``always``: also responds when no release is served.
    """

    method: str
    handle: Handler
    name: str
    predicts: bool = False
    slow: bool = False
    open: bool = False
    always: bool = False


class ErrorResponse(Exception):
    """An error to send to the client, before it is encoded for a protocol."""

    def __init__(self, status: int, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


def render_error(error: ErrorResponse, path: str) -> Response:
    """Encode an error in the format of the path's protocol: Open Inference Protocol v2 below /v2, otherwise MLflow's."""
    is_v2 = path == "/v2" or path.startswith("/v2/")
    body = {"error": error.message} if is_v2 else {"error_code": error.code, "message": error.message}
    return Response(error.status, msgspec.json.encode(body), headers=error.headers)


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """Inputs and predictions of one request. ``columns`` decodes the body of ``size`` bytes again, outside the hot path."""

    columns: Callable[[], Columns]
    predictions: Predictions
    size: int


@dataclass(frozen=True, slots=True)
class RowPrediction:
    """Prediction of one row, with shape [1, K] or [1], and the row's share of the batch's duration."""

    values: Array
    seconds: float
