"""``POST /invocations``: MLflow's scoring protocol."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from deploy.engines import Array, OnnxEngine, Predictions
from deploy.realtime.answers import Answer, Refusal, Request, refused
from deploy.realtime.decode import decode_json, typed_array
from deploy.realtime.decode_csv import decode_csv
from deploy.realtime.one_row import OneRow
from deploy.realtime.prediction_log import Asked
from deploy.realtime.typed import TypedDecoder, Values
from deploy.scorer import Scorer
from pipeline.component.contract import Contract
from pipeline.errors import ContractError

LARGE_BODY = 1 << 16
"""From here on a request is worked on in a thread, so the small ones beside it need not wait."""
_JSON, _CSV = "application/json", "text/csv"
_UNDERSTOOD = {"charset=utf-8", "header=present", ""}


class Invocations:
    """Answers the requests of one release."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._typed = TypedDecoder(scorer.contract)
        self._one_row = OneRow(scorer.engine, scorer.contract) if isinstance(scorer.engine, OnnxEngine) else None

    def __call__(self, request: Request) -> Answer:
        """MLflow's answer to a request, or a refusal in its shape."""
        kind = content_kind(request.headers)
        if kind is None:
            came = request.headers.get("content-type") or ""
            message = f"the content type must be {_JSON} or {_CSV} in UTF-8 but is '{came}'"
            return refused(Refusal(415, "BAD_REQUEST", message), "/invocations")
        decode = decode_json if kind == _JSON else decode_csv
        try:
            made = self._typed_json(request.body) if kind == _JSON else None
            made = made or self._scorer.predict(decode(request.body, self._scorer.contract), labels=False)
        except ContractError as error:
            return refused(Refusal(400, "BAD_REQUEST", str(error)), "/invocations")
        asked = Asked(partial(decode, request.body, self._scorer.contract), made, len(request.body))
        return Answer(200, msgspec.json.encode({"predictions": made.values.tolist()}), asked=asked)

    def _typed_json(self, body: bytes) -> Predictions | None:
        """What the model says to a body that is as it should be; None where a closer look is needed."""
        if (columns := self._typed(body)) is None:
            return None
        if self._one_row is not None and len(columns[0]) == 1 and len(body) <= LARGE_BODY:
            one = self._one_row(columns)
            return None if one is None else Predictions(one, None)
        return self._scorer.predict(_arrays(columns, self._scorer.contract), labels=False)


def content_kind(headers: Mapping[str, str]) -> str | None:
    """What a body is said to be, if that is one of the two kinds in UTF-8."""
    said = headers.get("content-type") or ""
    if said == _JSON:
        return _JSON
    kind, *parameters = (part.strip().lower() for part in said.split(";"))
    understood = all(part.replace('"', "") in _UNDERSTOOD for part in parameters)
    return kind if understood and kind in (_JSON, _CSV) else None


def _arrays(columns: list[Values], contract: Contract) -> dict[str, Array]:
    named = zip(contract.inputs, columns, strict=True)
    return {column.name: typed_array(values, column) for column, values in named}
