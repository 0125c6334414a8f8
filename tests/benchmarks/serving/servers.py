"""The servers that are compared, each started as its own documentation says."""

from __future__ import annotations

import http.client
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.load_generator.connection import Answer
from tests.load_generator.load import JSON, Judge, Question
from tests.support.flights import BIN, ROOT, environment_for_people

TOKEN = "a-token-of-the-benchmark"
WORKERS = 2
_PATIENCE = 120.0
_QUIET = {"OMP_NUM_THREADS": "1", "UVICORN_ACCESS_LOG": "false", "UVICORN_LOG_LEVEL": "warning"}


@dataclass(frozen=True)
class Server:
    """How to start a server on a port, and how to ask it."""

    name: str
    command: tuple[str, ...]
    path: str = "/invocations"
    form: str = "dataframe_split"
    headers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Started:
    """A server that gave a right answer, so many seconds after its start."""

    pid: int
    port: int
    seconds: float


def slipway(bundle: Path, folder: Path) -> Server:
    """Ours, with a token where the command has one."""
    command = [str(BIN / "slipway"), "serve", "--bundle", str(bundle), "--port", "PORT", "--workers", str(WORKERS)]
    headers = {}
    if "--token-file" in subprocess.run([*command[:2], "--help"], capture_output=True, text=True, check=True).stdout:
        tokens = folder / "tokens"
        tokens.write_text(f"{TOKEN}\n")
        tokens.chmod(0o600)
        command += ["--token-file", str(tokens)]
        headers = {"authorization": f"Bearer {TOKEN}"}
    return Server("slipway", tuple(command), headers=headers)


def mlflow(bundle: Path, workers: int) -> Server:
    """MLflow's, at its best: a thread for each worker, and no access log."""
    options = ["-m", str(bundle), "--env-manager", "local", "--workers", str(workers), "-p", "PORT"]
    name = f"mlflow, {workers} worker{'s' if workers > 1 else ''}"
    return Server(name, (str(BIN / "mlflow"), "models", "serve", *options), environment=_QUIET)


@contextmanager
def started(server: Server, question: Question) -> Iterator[Started]:
    """The server, once it has given a right answer; all its processes end with the block."""
    port = _free_port()
    command = [word.replace("PORT", str(port)) for word in server.command]
    with tempfile.TemporaryFile() as log:
        environment = environment_for_people() | dict(server.environment)
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            while not _answers_right(server, port, question):
                if process.poll() is not None or time.monotonic() - began > _PATIENCE:
                    log.seek(0)
                    raise SystemExit(f"{server.name} does not serve: {log.read()[-3000:].decode()}")
                time.sleep(0.005)
            yield Started(process.pid, port, time.monotonic() - began)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a server, and whatever it leaves behind: some start their workers in sessions of their own."""
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        _, left = psutil.wait_procs([psutil.Process(process.pid), *family], timeout=5)
        for survivor in left:
            with suppress(psutil.NoSuchProcess):
                survivor.kill()
    process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _answers_right(server: Server, port: int, question: Question) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", server.path, question.body, {**JSON, **server.headers})
        answer = connection.getresponse()
        head = "".join(f"\r\n{name}: {value}" for name, value in answer.getheaders()).encode()
        came = Answer(answer.status, head, answer.read())
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return came.status == 200 and not Judge((question,)).problem(0, came)
