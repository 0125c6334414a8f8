"""Builds the OpenAPI 3.1 document of the server from the contract of the release that it serves.

The parts that are the same for every model are in ``openapi.json`` beside this file. A response of null in that file is an
error; its schema depends on the protocol of the route.
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
"""Routes that need no token, for the probes of an orchestrator and for browsers."""
_TEMPLATE = Path(__file__).with_name("openapi.json")


def openapi_document(contract: Contract, release: str, golden: GoldenRows, *, secured: bool = False) -> bytes:
    """Build the document as JSON, with the first golden row as its example.

    With ``secured`` the server requires a bearer token on all routes except ``OPEN_PATHS``.
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
    """Return the paths of the model, and the same paths of this release."""
    model = f"/v2/models/{quote(contract.name, safe='')}"
    paths = {}
    for kind, start in (("model", model), ("version", f"{model}/versions/{quote(release, safe='')}")):
        for end, item in items.items():
            ((method, operation),) = item.items()
            paths[start + end] = {method: operation | {"operationId": operation["operationId"].format(kind=kind)}}
    return paths


def _complete_path(path: str, item: JsonObject, template: JsonObject, secured: bool) -> JsonObject:
    """Complete a path with the error responses of its protocol, and with the token if it needs one."""
    needs_token = secured and path not in OPEN_PATHS
    error = {"application/json": {"schema": schema_reference("V2Error" if path.startswith("/v2") else "Error")}}
    ((method, operation),) = item.items()
    statuses = operation["responses"] | dict.fromkeys(["405", "401"] if needs_token else ["405"])
    responses = {}
    for status in sorted(statuses):
        response = statuses[status] or {"description": template["errors"][status], "content": error}
        responses[status] = response | {"headers": template["headers"] | response.get("headers", {})}
    lock: JsonObject = {"security": [{"bearer": []}]} if needs_token else {}
    return {method: operation | {"responses": responses} | lock}
