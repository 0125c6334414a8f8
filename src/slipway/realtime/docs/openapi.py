"""The server's routes as an OpenAPI 3.1 document, made from the contract of the release that it serves."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from slipway.bundle.release_file import Golden
from slipway.contract.schema import Contract
from slipway.realtime.docs.example import csv_text, infer, invocations
from slipway.realtime.docs.openapi_schemas import reference, schemas
from slipway.realtime.protocols.v2.request import LENGTH_HEADER

Part = dict[str, Any]

OPEN_PATHS = frozenset({"/ping", "/health", "/v2/health/live", "/v2/health/ready", "/openapi.json", "/docs"})
"""Answered without a token, for the probes of an orchestrator and for a browser."""
_POSTED = (400, 408, 413, 415, 503)
_HEADERS = {
    "x-model-version": {"description": "The release that answered.", "schema": {"type": "string"}},
    "x-request-id": {"description": "The caller's own, or a new one.", "schema": {"type": "string"}},
}
_REASONS = {
    400: "The request breaks the contract; the message names row, column, what came and what was expected.",
    401: "The bearer token is missing or is not the server's.",
    404: "The server serves no such model or release.",
    405: "The path does not take this method.",
    408: "The body did not arrive in time.",
    413: "The body is larger than the server takes.",
    415: "The content type is not one that the path takes.",
    503: "Nothing is served yet, or the server is too busy.",
}


def openapi(contract: Contract, release: str, golden: Golden, *, secured: bool = False) -> bytes:
    """The document as JSON, with the first golden row as its example.

    ``secured`` says whether the server asks for a bearer token, everywhere but on ``OPEN_PATHS``.
    """
    paths = _mlflow_paths(contract, golden) | _about_paths() | _v2_paths(contract, release, golden)
    finished = {path: _finished(path, operation, secured) for path, operation in paths.items()}
    components: Part = {"schemas": schemas(contract)}
    if secured:
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": contract.name, "version": release, "summary": f"A {contract.task} model served by Slipway"},
        "paths": finished,
        "components": components,
    }
    return msgspec.json.encode(document)


def _mlflow_paths(contract: Contract, golden: Golden) -> dict[str, Part]:
    examples = {name: {"value": body} for name, body in invocations(contract, golden).items()}
    content = {
        "application/json": {"schema": reference("Invocation"), "examples": examples},
        "text/csv": {"schema": {"type": "string", "minLength": 1}, "example": csv_text(golden)},
    }
    answer = _json("The predictions, one for each row.", "Predictions")
    return {
        "/invocations": _post("invocations", "Predict rows, by MLflow's scoring protocol", content, answer),
        "/ping": _get("ping", "Is a release served?", _empty("It is."), 503),
        "/health": _get("health", "Is a release served?", _empty("It is."), 503),
        "/version": _get("version", "Which release is served?", _json("The release, and what serves it.", "Version")),
    }


def _about_paths() -> dict[str, Part]:
    document = _answer("This document.", {"application/json": {"schema": {"type": "object"}}})
    return {
        "/metrics": _get("metrics", "Numbers for Prometheus", _text("The numbers.", "text/plain")),
        "/openapi.json": _get("openapi", "This document", document, 503),
        "/docs": _get("docs", "A page for people", _text("The page.", "text/html"), 503),
    }


def _v2_paths(contract: Contract, release: str, golden: Golden) -> dict[str, Part]:
    model = f"/v2/models/{quote(contract.name, safe='')}"
    served = _model_paths(model, "model", contract, golden)
    served |= _model_paths(f"{model}/versions/{quote(release, safe='')}", "version", contract, golden)
    metadata = _json("Name, version and extensions.", "ServerMetadata")
    return {
        "/v2": _get("v2_metadata", "What the server is", metadata),
        "/v2/health/live": _get("v2_live", "Does the server run?", _empty("It does.")),
        "/v2/health/ready": _get("v2_ready", "Is a release served?", _empty("It is."), 503),
        **served,
    }


def _model_paths(path: str, kind: str, contract: Contract, golden: Golden) -> dict[str, Part]:
    metadata = _json("Its inputs and outputs.", "ModelMetadata")
    content = {
        "application/json": {"schema": reference("InferenceRequest"), "example": infer(contract, golden)},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    }
    answer = _json("The outputs.", "InferenceResponse")
    answer["content"]["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    answer["headers"] = _HEADERS | {LENGTH_HEADER: {"schema": {"type": "integer", "minimum": 0}}}
    posted = _post(f"v2_{kind}_infer", "Predict rows, by the Open Inference Protocol v2", content, answer, 404)
    posted["post"]["parameters"] = [_length_parameter()]
    return {
        path: _get(f"v2_{kind}", "What the model takes and gives", metadata, 404, 503),
        f"{path}/ready": _get(f"v2_{kind}_ready", "Is it served?", _empty("It is."), 404, 503),
        f"{path}/infer": posted,
    }


def _length_parameter() -> Part:
    described = "How many bytes of the body are JSON, where tensors follow as binary data."
    schema = {"type": "integer", "minimum": 0}
    return {"name": LENGTH_HEADER, "in": "header", "description": described, "schema": schema}


def _get(name: str, summary: str, answer: Part, *statuses: int) -> Part:
    return {"get": {"operationId": name, "summary": summary, "responses": {200: answer} | dict.fromkeys(statuses)}}


def _post(name: str, summary: str, content: Part, answer: Part, *statuses: int) -> Part:
    body = {"required": True, "content": content}
    responses = {200: answer} | dict.fromkeys((*statuses, *_POSTED))
    return {"post": {"operationId": name, "summary": summary, "requestBody": body, "responses": responses}}


def _finished(path: str, item: Part, secured: bool) -> Part:
    """The path with its errors spelled out in the shape of its protocol, and its need of a token."""
    needs_token = secured and path not in OPEN_PATHS
    error = "V2Error" if path.startswith("/v2") else "Error"
    (method, operation), *_ = item.items()
    statuses = operation["responses"] | dict.fromkeys([405, 401] if needs_token else [405])
    told = {str(status): statuses[status] or _json(_REASONS[status], error) for status in sorted(statuses)}
    lock: Part = {"security": [{"bearer": []}]} if needs_token else {}
    return {method: operation | {"responses": told} | lock}


def _json(description: str, schema: str) -> Part:
    return _answer(description, {"application/json": {"schema": reference(schema)}})


def _text(description: str, kind: str) -> Part:
    return _answer(description, {kind: {"schema": {"type": "string"}}})


def _empty(description: str) -> Part:
    return _answer(description, {})


def _answer(description: str, content: Part) -> Part:
    return {"description": description, "headers": _HEADERS} | ({"content": content} if content else {})
