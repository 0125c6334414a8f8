"""Check a target's servers for a rollout: which ones run, whether every worker serves the release, and their responses."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from slipway.bundle.golden import golden_difference
from slipway.bundle.release_file import GoldenRows, digest_in_name
from slipway.storage.locks import is_held
from slipway.target.registration import (
    SERVER_FILE,
    Acknowledgement,
    Server,
    local_address,
    rollout_token,
    servers_folder,
)

_POLL_SECONDS = 0.02
Record = TypeVar("Record")


def live_servers(target: Path) -> list[Server]:
    """The servers of a target that are running."""
    return _read_live_records(servers_folder(target), f"*/{SERVER_FILE}", Server)


def remove_dead_servers(target: Path) -> None:
    """Remove the folders that killed servers left behind."""
    for file in servers_folder(target).glob(f"*/{SERVER_FILE}"):
        if not is_held(file.with_suffix(".lock")):
            shutil.rmtree(file.parent, ignore_errors=True)


def acknowledgements(target: Path, server: Server) -> list[Acknowledgement]:
    """The newest acknowledgement of each running worker of a server."""
    return _read_live_records(servers_folder(target) / server.id, "worker-*.json", Acknowledgement)


def wait_for_workers(target: Path, digest: str, timeout: float) -> list[str]:
    """Wait until every worker of every running server serves the bundle with this digest.

    Returns:
        The problems, one sentence each; empty if there are none. A worker that failed to load the bundle ends the wait.
    """
    deadline = time.monotonic() + timeout
    while True:
        servers = live_servers(target)
        if failed := [problem for server in servers for problem in load_failures(target, server, digest)]:
            return failed
        lagging = [problem for server in servers for problem in laggards(target, server, digest)]
        if not lagging or time.monotonic() > deadline:
            return lagging
        time.sleep(_POLL_SECONDS)


def wait_until_released(target: Path, digest: str, timeout: float) -> bool:
    """Wait until no worker of a running server serves the bundle with this digest; returns False after ``timeout``."""
    deadline = time.monotonic() + timeout
    while any(ack.digest == digest for server in live_servers(target) for ack in acknowledgements(target, server)):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def load_failures(target: Path, server: Server, digest: str) -> Iterator[str]:
    """The workers that could not load the bundle with this digest, one sentence each."""
    for worker in acknowledgements(target, server):
        if worker.error is not None and digest_in_name(Path(worker.wanted)) == digest[:12]:
            yield f"worker {worker.pid} of {server} could not load {worker.wanted}: {worker.error}"


def laggards(target: Path, server: Server, digest: str) -> Iterator[str]:
    """The workers that do not yet serve the bundle with this digest, one sentence each."""
    workers = acknowledgements(target, server)
    if len(workers) != server.workers:
        yield f"{len(workers)} of the {server.workers} workers of {server} are ready"
    for worker in workers:
        # A worker that serves the bundle but last tried another one has not yet noticed that `current` was switched back.
        if worker.digest != digest or digest_in_name(Path(worker.wanted)) not in {digest[:12], None}:
            yield (
                f"worker {worker.pid} of {server} serves {worker.release or 'no release'} and last tried to load "
                f"{worker.wanted}"
            )


def check_golden_response(
    target: Path, server: Server, golden: GoldenRows, release: str, timeout: float = 10.0
) -> list[str]:
    """POST the golden inputs to a server of the target and check its response.

    Returns:
        The problems with the response, one sentence each; empty if there are none.
    """
    token = rollout_token(servers_folder(target) / server.id)
    try:
        status, served, body = _post(server, token, {"inputs": golden.inputs}, timeout)
    except (OSError, http.client.HTTPException) as error:
        return [f"{server} did not respond: {error}"]
    if status != 200:
        return [f"{server} responded with HTTP {status}: {body.decode(errors='replace')[:500]}"]
    problems = [] if served == release else [f"{server} serves release {served}, expected {release}"]
    if difference := golden_difference(golden, msgspec.json.decode(body).get("predictions", [])):
        problems.append(f"{server} does not reproduce the golden predictions: {difference}")
    return problems


def _read_live_records(folder: Path, pattern: str, kind: type[Record]) -> list[Record]:
    found = []
    for file in sorted(folder.glob(pattern)):
        # A server that ends at this instant removes its files.
        with contextlib.suppress(FileNotFoundError):
            if is_held(file.with_suffix(".lock")):
                found.append(msgspec.json.decode(file.read_bytes(), type=kind))
    return found


def _post(server: Server, token: str | None, request: dict[str, Any], timeout: float) -> tuple[int, str | None, bytes]:
    with contextlib.closing(_connection(server, timeout)) as connection:
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        connection.request("POST", "/invocations", msgspec.json.encode(request), headers)
        response = connection.getresponse()
        return response.status, response.getheader("x-model-version"), response.read()


def _connection(server: Server, timeout: float) -> http.client.HTTPConnection:
    host = local_address(server.host)
    if server.certificate is None:
        return http.client.HTTPConnection(host, server.port, timeout=timeout)
    import ssl

    # Only the server's own certificate is trusted here, so it need not name this address (often a loopback one).
    context = ssl.create_default_context(cafile=server.certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return http.client.HTTPSConnection(host, server.port, timeout=timeout, context=context)
