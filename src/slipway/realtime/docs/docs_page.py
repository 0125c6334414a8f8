"""The page for people at ``/docs``: one file that asks nothing of any other server, with a box to try the model."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

import msgspec

from slipway.bundle.release_file import Golden
from slipway.contract.schema import Column, Contract
from slipway.realtime.docs.example import csv_text, infer, invocations

_TEMPLATE = Path(__file__).with_name("docs.html")
_ORIGIN = '<span class="origin">http://localhost:8000</span>'
"""The page's script puts the address there under which the browser found the server."""
_AUTHORIZATION = ' -H "authorization: Bearer $TOKEN"'


def docs_page(
    contract: Contract, release: str, golden: Golden, *, secured: bool = False
) -> tuple[bytes, dict[str, str]]:
    """The page as HTML, and its headers; a content security policy allows the page's own script and nothing else.

    ``secured`` says whether the server asks for a bearer token, which the example commands then carry.
    """
    authorization = _AUTHORIZATION if secured else ""
    request = msgspec.json.encode(invocations(contract, golden)["dataframe_records"])
    page = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=escape(contract.name),
        release=escape(release),
        task=escape(contract.task),
        inputs="\n".join(map(_input, contract.inputs)),
        outputs="\n".join(_cells(f"<code>{escape(c.name)}</code>", c.type) for c in contract.outputs),
        answered=escape(_answered(contract)),
        request=escape(msgspec.json.format(request, indent=2).decode()),
        origin=_ORIGIN,
        authorization=escape(authorization),
        routes="\n".join(_routes(contract, golden, authorization)),
    )
    return page.encode(), {"content-type": "text/html; charset=utf-8", "content-security-policy": _policy(page)}


def _policy(page: str) -> str:
    return "; ".join([
        "default-src 'none'",
        f"script-src {_hash(page, 'script')}",
        f"style-src {_hash(page, 'style')}",
        "img-src data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ])  # fmt: skip


def _hash(page: str, element: str) -> str:
    content = "".join(re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL))
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _input(column: Column) -> str:
    values = ", ".join(f"<code>{escape(value)}</code>" for value in column.values) or "any"
    return _cells(f"<code>{escape(column.name)}</code>", column.type, "yes" if column.nullable else "no", values)


def _cells(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _answered(contract: Contract) -> str:
    if contract.task == "regression":
        return "MLflow's protocol answers one number for each row."
    return f"MLflow's protocol answers the probabilities of {', '.join(contract.classes)} for each row, in this order."


def _routes(contract: Contract, golden: Golden, authorization: str) -> Iterable[str]:
    records, model = invocations(contract, golden)["dataframe_records"], f"/v2/models/{quote(contract.name, safe='')}"
    yield _posted("/invocations", "rows as JSON", "application/json", _json(records), authorization)
    yield _posted("/invocations", "rows as CSV", "text/csv", csv_text(golden), authorization)
    yield _posted(
        f"{model}/infer", "columns as v2 tensors", "application/json", _json(infer(contract, golden)), authorization
    )
    yield _route("GET", model, "what the model takes and gives", "", authorization)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _posted(path: str, what: str, kind: str, body: str, authorization: str) -> str:
    return _route("POST", path, what, f" -H 'content-type: {kind}' --data-binary {shlex.quote(body)}", authorization)


def _route(method: str, path: str, what: str, rest: str, authorization: str) -> str:
    command = f"curl -s {_ORIGIN}{escape(path)}{escape(authorization + rest)}"
    return f"<h3><code>{method} {escape(path)}</code> {escape(what)}</h3>\n<pre>{command}</pre>"
