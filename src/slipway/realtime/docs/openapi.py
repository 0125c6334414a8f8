"""The server's routes as an OpenAPI 3.1 document, made from the contract of the release that it serves.

What is the same for every model stands in ``openapi.json`` beside this file; there an answer of null is an error, which is
told in the shape of its protocol.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from slipway.bundle.release_file import GoldenRows
from slipway.contract.schema import Contract
from slipway.realtime.docs.example import csv_text, infer_example, invocation_examples
from slipway.realtime.docs.openapi_schemas import contract_schemas, schema_reference

JsonObject = dict[str, Any]

OPEN_PATHS = frozenset({"/ping", "/health", "/v2/health/live", "/v2/health/ready", "/openapi.json", "/docs"})
"""Answered without a token, for the probes of an orchestrator and for a browser."""
_TEMPLATE = Path(__file__).with_name("openapi.json")


def openapi_document(contract: Contract, release: str, golden: GoldenRows, *, secured: bool = False) -> bytes:
    """The document as JSON, with the first golden row as its example.

    ``secured`` says whether the server asks for a bearer token, everywhere but on ``OPEN_PATHS``.
    """
    template: JsonObject = msgspec.json.decode(_TEMPLATE.read_bytes())
    _add_examples(template, contract, golden)
    paths = template["paths"] | _model_paths(template["model_paths"], contract, release)
    components: JsonObject = {"schemas": contract_schemas(contract) | template["schemas"]}
    if secured:
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": contract.name, "version": release, "summary": f"A {contract.task} model served by Slipway"},
        "paths": {path: _complete_path(path, item, template, secured) for path, item in paths.items()},
        "components": components,
    }
    return msgspec.json.encode(document)


def _add_examples(template: JsonObject, contract: Contract, golden: GoldenRows) -> None:
    rows = template["paths"]["/invocations"]["post"]["requestBody"]["content"]
    rows["application/json"]["examples"] = {
        name: {"value": body} for name, body in invocation_examples(contract, golden).items()
    }
    rows["text/csv"]["example"] = csv_text(golden)
    tensors = template["model_paths"]["/infer"]["post"]["requestBody"]["content"]
    tensors["application/json"]["example"] = infer_example(contract, golden)


def _model_paths(items: JsonObject, contract: Contract, release: str) -> JsonObject:
    """The paths of the model, and the same ones of this release of it."""
    model = f"/v2/models/{quote(contract.name, safe='')}"
    found = {}
    for kind, start in (("model", model), ("version", f"{model}/versions/{quote(release, safe='')}")):
        for end, item in items.items():
            ((method, operation),) = item.items()
            found[start + end] = {method: operation | {"operationId": operation["operationId"].format(kind=kind)}}
    return found


def _complete_path(path: str, item: JsonObject, template: JsonObject, secured: bool) -> JsonObject:
    """The path with its errors spelled out in the shape of its protocol, and its need of a token."""
    needs_token = secured and path not in OPEN_PATHS
    error = {"application/json": {"schema": schema_reference("V2Error" if path.startswith("/v2") else "Error")}}
    ((method, operation),) = item.items()
    answers = operation["responses"] | dict.fromkeys(["405", "401"] if needs_token else ["405"])
    told = {}
    for status in sorted(answers):
        answer = answers[status] or {"description": template["errors"][status], "content": error}
        told[status] = answer | {"headers": template["headers"] | answer.get("headers", {})}
    lock: JsonObject = {"security": [{"bearer": []}]} if needs_token else {}
    return {method: operation | {"responses": told} | lock}
