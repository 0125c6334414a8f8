"""Renders the page at ``/docs``: one HTML file that loads nothing from other servers, with a form to try the model."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

import msgspec

from slipway.bundle.release_file import GoldenRows
from slipway.contract.schema import Column, Contract
from slipway.realtime.docs.example import csv_text, infer_example, invocation_examples

_TEMPLATE = Path(__file__).with_name("docs.html")
_ORIGIN = '<span class="origin">http://localhost:8000</span>'
"""The page's script replaces this with the address under which the browser reached the server."""
_AUTHORIZATION = ' -H "authorization: Bearer $TOKEN"'


def docs_page(
    contract: Contract, release: str, golden: GoldenRows, *, secured: bool = False
) -> tuple[bytes, dict[str, str]]:
    """Return the page as HTML and its headers; the content security policy allows only the page's own script.

    With ``secured`` the server requires a bearer token, and the example commands include one.
    """
    request = msgspec.json.encode(invocation_examples(contract, golden)["dataframe_records"])
    page = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=escape(contract.name),
        release=escape(release),
        task=escape(contract.task),
        inputs="\n".join(map(_input_row, contract.inputs)),
        outputs="\n".join(_table_row(f"<code>{escape(c.name)}</code>", c.type) for c in contract.outputs),
        predictions=escape(_describe_predictions(contract)),
        request=escape(msgspec.json.format(request, indent=2).decode()),
        **_commands(contract, golden, secured),
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


def _input_row(column: Column) -> str:
    values = ", ".join(f"<code>{escape(value)}</code>" for value in column.values) or "any"
    return _table_row(f"<code>{escape(column.name)}</code>", column.type, "yes" if column.nullable else "no", values)


def _table_row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _describe_predictions(contract: Contract) -> str:
    if contract.task == "regression":
        return "MLflow's protocol returns one number per row."
    return f"MLflow's protocol returns the probabilities of {', '.join(contract.classes)} for each row, in this order."


def _commands(contract: Contract, golden: GoldenRows, secured: bool) -> dict[str, str]:
    """Values for the template's commands: the address, a token if the server requires one, and a row in each format."""
    records = invocation_examples(contract, golden)["dataframe_records"]
    bodies = {"records": _json(records), "csv": csv_text(golden), "tensors": _json(infer_example(contract, golden))}
    return {
        "origin": _ORIGIN,
        "model": escape(f"/v2/models/{quote(contract.name, safe='')}"),
        "authorization": escape(_AUTHORIZATION) if secured else "",
        **{name: escape(shlex.quote(body)) for name, body in bodies.items()},
    }


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
