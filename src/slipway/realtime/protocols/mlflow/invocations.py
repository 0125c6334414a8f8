"""``POST /invocations``: MLflow's scoring protocol."""

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
"""From here on a request is worked on in a thread, so the small ones beside it need not wait."""
_JSON, _CSV = "application/json", "text/csv"
Decode = Callable[[bytes, Contract], Columns]
_ACCEPTED_PARAMETERS = {"charset=utf-8", "header=present", ""}


class Invocations:
    """Answers the requests of one release."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._decode_rows = TypedDecoder(scorer.contract)
        engine = scorer.engine
        self._batch = DynamicBatch(engine, scorer.contract) if isinstance(engine, OnnxEngine) else None

    def __call__(self, request: Request) -> Response | PendingResponse:
        """MLflow's answer to a request, or a refusal in its shape."""
        kind = content_kind(request.headers)
        if kind is None:
            came = request.headers.get("content-type") or ""
            message = f"the content type must be {_JSON} or {_CSV} in UTF-8 but is '{came}'"
            return render_error(ErrorResponse(415, "BAD_REQUEST", message), "/invocations")
        try:
            return self._answer_json(request.body) if kind == _JSON else self._answer_columns(decode_csv, request.body)
        except ContractError as error:
            return render_error(ErrorResponse(400, "BAD_REQUEST", str(error)), "/invocations")

    def _answer_json(self, body: bytes) -> Response | PendingResponse:
        if (rows := self._decode_rows(body)) is None:
            # Something is wrong, or unusual: a closer look says what.
            return self._answer_columns(decode_json, body)
        if self._batch is None or len(rows) > 1 or len(body) > LARGE_BODY:
            made = self._scorer.predict(_arrays(rows, self._scorer.contract), labels=False)
            return self._answer(decode_json, body, made)
        if not self._batch.is_valid(rows[0]):
            return self._answer_columns(decode_json, body)
        finish = partial(self._answer, decode_json, body)
        return PendingResponse(self._batch.predict(rows[0]), lambda values: finish(Predictions(values, None)))

    def _answer_columns(self, decode: Decode, body: bytes) -> Response:
        columns = decode(body, self._scorer.contract)
        return self._answer(decode, body, self._scorer.predict(columns, labels=False))

    def _answer(self, decode: Decode, body: bytes, predictions: Predictions) -> Response:
        asked = LoggedCall(partial(decode, body, self._scorer.contract), predictions, len(body))
        return Response(200, msgspec.json.encode({"predictions": predictions.values.tolist()}), call=asked)


def content_kind(headers: Mapping[str, str]) -> str | None:
    """What a body is said to be, if that is one of the two kinds in UTF-8."""
    said = headers.get("content-type") or ""
    if said == _JSON:
        return _JSON
    kind, *parameters = (part.strip().lower() for part in said.split(";"))
    understood = all(part.replace('"', "") in _ACCEPTED_PARAMETERS for part in parameters)
    return kind if understood and kind in (_JSON, _CSV) else None


def _arrays(rows: list[Row], contract: Contract) -> dict[str, Array]:
    named = zip(contract.inputs, zip(*rows, strict=True), strict=True)
    return {column.name: typed_array(values, column) for column, values in named}
