"""Example requests with the first golden row of a release."""

from __future__ import annotations

import csv
import io
import shlex
from typing import Any

import msgspec

from slipway.bundle.release_file import GoldenRows
from slipway.contract.schema import Contract
from slipway.realtime.protocols.v2.metadata import DATATYPES


def curl_command(url: str, golden: GoldenRows, *, secured: bool = False) -> str:
    """Return a curl command that sends the first golden row, without its nulls, to the server at ``url``.

    With ``secured`` the command sends the token in the shell variable TOKEN.
    """
    body = msgspec.json.encode({"dataframe_records": [first_row(golden)]}).decode()
    token = '-H "authorization: Bearer $TOKEN" ' if secured else ""
    return f"curl -s {url}/invocations {token}-H 'content-type: application/json' -d {shlex.quote(body)}"


def first_row(golden: GoldenRows) -> dict[str, Any]:
    """Return the first golden row without its nulls."""
    return {name: values[0] for name, values in golden.inputs.items() if values and values[0] is not None}


def invocation_examples(contract: Contract, golden: GoldenRows) -> dict[str, dict[str, Any]]:
    """Return the first golden row in each of MLflow's JSON forms."""
    row = first_row(golden)
    full = [row.get(column.name) for column in contract.inputs]
    contents = {
        "dataframe_split": {"columns": [column.name for column in contract.inputs], "data": [full]},
        "dataframe_records": [row],
        "instances": [row],
        "inputs": {name: [value] for name, value in row.items()},
    }
    return {form: {form: content} for form, content in contents.items()}


def csv_text(golden: GoldenRows) -> str:
    """Return the first golden row as CSV with a header line."""
    row, text = first_row(golden), io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([row.keys(), row.values()])
    return text.getvalue()


def infer_example(contract: Contract, golden: GoldenRows) -> dict[str, Any]:
    """Return the first golden row as a v2 inference request."""
    row = first_row(golden)
    inputs = [
        {"name": column.name, "shape": [1], "datatype": DATATYPES[column.type], "data": [row[column.name]]}
        for column in contract.inputs
        if column.name in row
    ]
    return {"inputs": inputs}
