"""``POST /v2/models/<name>/infer``: the Open Inference Protocol over one release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.contract.schema import Contract
from slipway.errors import ContractError
from slipway.realtime.protocols.messages import JSON, Answer, Asked, Refusal, Request, refused
from slipway.realtime.protocols.v2.codec import LENGTH_HEADER, Inference, decode_infer, encode_infer

if TYPE_CHECKING:
    from slipway.realtime.protocols.served_model import Serving

_KINDS = (JSON, "application/octet-stream")


def infer(request: Request, serving: Serving) -> Answer:
    """The outputs that a request asks for, or a refusal in the protocol's shape."""
    kind = (request.headers.get("content-type") or JSON).partition(";")[0].strip().lower()
    if kind not in _KINDS:
        told = f"the content type must be {' or '.join(_KINDS)} but is '{kind}'"
        return refused(Refusal(415, "BAD_REQUEST", told), "/v2")
    scorer = serving.scorer
    try:
        inference = _decoded(request, scorer.contract)
        predictions = scorer.predict(inference.columns)
    except ContractError as error:
        return refused(Refusal(400, "BAD_REQUEST", str(error)), "/v2")
    body, extra = encode_infer(predictions, scorer.contract, serving.release, inference)
    asked = Asked(lambda: inference.columns, predictions, len(request.body))
    content_type = extra.pop("content-type", JSON)
    return Answer(200, body, content_type, tuple(extra.items()), asked=asked)


def _decoded(request: Request, contract: Contract) -> Inference:
    length = request.headers.get(LENGTH_HEADER.lower())
    if length is not None and not (length.isascii() and length.isdigit()):
        raise ContractError(f"the header {LENGTH_HEADER} must be a whole number of bytes but is '{length[:80]}'")
    return decode_infer(request.body, None if length is None else int(length[:20]), contract)
