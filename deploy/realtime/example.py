"""How to ask a server, with a row of the release itself."""

from __future__ import annotations

import shlex

import msgspec

from deploy.bundle import Golden


def curl(url: str, golden: Golden, *, secured: bool = False) -> str:
    """A command that asks the server at ``url`` about the first golden row; what is null there is left out.

    With ``secured`` the shell puts in the token, from its variable TOKEN.
    """
    row = {name: values[0] for name, values in golden.inputs.items() if values and values[0] is not None}
    body = msgspec.json.encode({"dataframe_records": [row]}).decode()
    token = '-H "authorization: Bearer $TOKEN" ' if secured else ""
    return f"curl -s {url}/invocations {token}-H 'content-type: application/json' -d {shlex.quote(body)}"
