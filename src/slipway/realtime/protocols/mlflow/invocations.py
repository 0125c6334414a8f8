"""Handles ``POST /invocations``, MLflow's scoring protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from slipway.contract.schema import Contract
from slipway.errors import ContractError
from slipway.inference.engines import Array, Columns, OnnxEngine, Predictions
from slipway.inference.scorer import Scorer
from slipway.realtime.protocols.columns import typed_array
from slipway.realtime.protocols.messages import (
    ErrorResponse,
    LoggedCall,
    PendingResponse,
    Request,
    Response,
    render_error,
)
from slipway.realtime.protocols.mlflow.decode import decode_csv, decode_json
from slipway.realtime.protocols.mlflow.dynamic_batch import DynamicBatch
from slipway.realtime.protocols.mlflow.fast_decode import Row, TypedDecoder

LARGE_BODY = 1 << 16
"""Bodies above this size are handled in a thread, so that small requests do not wait for them."""
_JSON, _CSV = "application/json", "text/csv"
Decode = Callable[[bytes, Contract], Columns]
_ACCEPTED_PARAMETERS = {"charset=utf-8", "header=present", ""}


class Invocations:
    """Request handler of one release."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._decode_rows = TypedDecoder(scorer.contract)
        engine = scorer.engine
        self._batch = DynamicBatch(engine, scorer.contract) if isinstance(engine, OnnxEngine) else None

    def __call__(self, request: Request) -> Response | PendingResponse:
        """Predict the rows of a request; an error is encoded in MLflow's format."""
        kind = content_kind(request.headers)
        if kind is None:
            actual = request.headers.get("content-type") or ""
            message = f"the content type must be {_JSON} or {_CSV} in UTF-8, got '{actual}'"
            return render_error(ErrorResponse(415, "BAD_REQUEST", message), "/invocations")
        try:
            return (
                self._respond_to_json(request.body)
                if kind == _JSON
                else self._respond_to_columns(decode_csv, request.body)
            )
        except ContractError as error:
            return render_error(ErrorResponse(400, "BAD_REQUEST", str(error)), "/invocations")

    def _respond_to_json(self, body: bytes) -> Response | PendingResponse:
        if (rows := self._decode_rows(body)) is None:
            # The body is invalid or unusual; the slower decoder finds out which.
            return self._respond_to_columns(decode_json, body)
        if self._batch is None or len(rows) > 1 or len(body) > LARGE_BODY:
            predictions = self._scorer.predict(_arrays(rows, self._scorer.contract), labels=False)
            return self._respond(decode_json, body, predictions)
        if not self._batch.is_valid(rows[0]):
            return self._respond_to_columns(decode_json, body)
        finish = partial(self._respond, decode_json, body)
        return PendingResponse(self._batch.predict(rows[0]), lambda values: finish(Predictions(values, None)))

    def _respond_to_columns(self, decode: Decode, body: bytes) -> Response:
        columns = decode(body, self._scorer.contract)
        return self._respond(decode, body, self._scorer.predict(columns, labels=False))

    def _respond(self, decode: Decode, body: bytes, predictions: Predictions) -> Response:
        call = LoggedCall(partial(decode, body, self._scorer.contract), predictions, len(body))
        return Response(200, msgspec.json.encode({"predictions": predictions.values.tolist()}), call=call)


def content_kind(headers: Mapping[str, str]) -> str | None:
    """The media type from the content-type header if it is JSON or CSV in UTF-8, otherwise None."""
    content_type = headers.get("content-type") or ""
    if content_type == _JSON:
        return _JSON
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    understood = all(part.replace('"', "") in _ACCEPTED_PARAMETERS for part in parameters)
    return kind if understood and kind in (_JSON, _CSV) else None


def _arrays(rows: list[Row], contract: Contract) -> dict[str, Array]:
    named = zip(contract.inputs, zip(*rows, strict=True), strict=True)
    return {column.name: typed_array(values, column) for column, values in named}
