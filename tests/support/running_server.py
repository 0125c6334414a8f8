"""Runs a real server in a process of its own on a free port."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.eventually import eventually

PROGRAM = (
    "import sys, msgspec; from pathlib import Path\n"
    "from slipway.realtime.http.options import Options; from slipway.realtime.http.server import serve\n"
    "target, bundle, options = (a or None for a in sys.argv[1:])\n"
    "options = msgspec.json.decode(options, type=Options, dec_hook=lambda kind, value: kind(value))\n"
    "serve(options, target=target and Path(target), bundle=bundle and Path(bundle))"
)
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def release(self) -> str | None:
        return self.headers.get("x-model-version")


class Running:
    """A server that answers."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def post(self, request: Any, **headers: str) -> Answer:
        return self.ask("POST", "/invocations", json.dumps(request).encode(), JSON | headers)

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        connection = self.connect()
        try:
            return exchange(connection, method, path, body, headers or {})
        finally:
            connection.close()

    def stop(self, sign: int = signal.SIGTERM) -> int:
        self.process.send_signal(sign)
        return self.process.wait(timeout=60)


def exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: Mapping[str, str]
) -> Answer:
    """One request on a connection that stays open."""
    connection.request(method, path, body, dict(headers))
    answer = connection.getresponse()
    content = answer.read()
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)


@contextmanager
def running(
    *,
    target: Path | None = None,
    bundle: Path | None = None,
    variables: Mapping[str, str] | None = None,
    **options: Any,
) -> Iterator[Running]:
    """A server that has said on stderr that it serves; ``options`` are fields of its Options."""
    arguments = [str(target or ""), str(bundle or ""), json.dumps({"port": 0} | options, default=str)]
    with running_program([sys.executable, "-c", PROGRAM, *arguments], os.environ | dict(variables or {})) as server:
        yield server


@contextmanager
def running_program(command: list[str], environment: Mapping[str, str]) -> Iterator[Running]:
    """The same of any program that serves on a free port."""
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log, env=environment)
        try:
            yield Running(process, _port(process, Path(log.name)), Path(log.name))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=60)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    found: list[str] = []

    def said() -> bool:
        found[:] = re.findall(r"serving \S+ on https?://127.0.0.1:(\d+)", log.read_text())
        return bool(found) or process.poll() is not None

    assert eventually(said, 90), "the server said nothing"
    assert found, log.read_text()
    return int(found[0])
