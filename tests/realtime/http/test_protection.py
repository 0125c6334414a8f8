"""Whatever a client does, the server says no in bounded time and memory, and goes on answering the others."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.support.bundles import GOLDEN, make_bundle
from tests.support.running_server import JSON, Running, running

ROW = {name: [values[0]] for name, values in GOLDEN.items()}
LARGEST = 1 << 20
HEAD = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    bundle = make_bundle(tmp_path_factory.mktemp("releases"))
    with running(bundle=bundle, workers=1, max_body_bytes=LARGEST, body_timeout=1.0, header_timeout=1) as server:
        yield server


@pytest.fixture(autouse=True)
def still_well(server: Running) -> Iterator[None]:
    yield
    assert server.post({"inputs": ROW}).status == 200


def spoken(server: Running, *pieces: bytes, seconds: float = 60) -> bytes:
    """What the server says to these bytes until it closes, or nothing if it closes without a word."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        said = b""
        try:
            while piece := connection.recv(65536):
                said += piece
        except ConnectionResetError:
            pass
        return said


def memory(server: Running) -> int:
    """Resident bytes of the whole server."""
    parent = psutil.Process(server.process.pid)
    return sum(process.memory_info().rss for process in (parent, *parent.children(recursive=True)))


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(server: Running) -> None:
    said = spoken(server, HEAD + b"Content-Length: 1073741824\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b"the body is larger than 1048576 bytes; use `slipway batch IN OUT`" in said


def test_a_body_of_a_gigabyte_is_refused_and_not_kept(server: Running) -> None:
    before = memory(server)
    piece = b" " * (4 << 20)
    said = spoken(server, HEAD + b"Content-Length: 1073741824\r\n\r\n", *[piece] * 256)
    assert said == b"" or said.startswith(b"HTTP/1.1 413 ")
    assert memory(server) < before + (64 << 20)


def test_chunks_without_end_are_refused_at_the_limit(server: Running) -> None:
    before = memory(server)
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    said = spoken(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 1024)
    assert said == b"" or said.startswith(b"HTTP/1.1 413 ")
    assert memory(server) < before + (64 << 20)


def test_a_body_in_chunks_is_taken(server: Running) -> None:
    connection = server.connect()
    connection.request("POST", "/invocations", iter([json.dumps({"inputs": ROW}).encode()]), JSON, encode_chunked=True)
    assert connection.getresponse().status == 200


@pytest.mark.parametrize("sent", [b'{"inputs": ', b""])
def test_a_body_that_stops_coming_is_given_up(server: Running, sent: bytes) -> None:
    said = spoken(server, HEAD + b"Content-Length: 100\r\n\r\n" + sent)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"the body did not arrive within 1 seconds" in said


def test_a_body_that_drips_is_given_up(server: Running) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        connection.settimeout(0.1)
        while time.monotonic() - began < 60:
            try:
                connection.sendall(b" ")
                if said := connection.recv(4096):
                    break
            except TimeoutError:
                continue
    assert said.startswith(b"HTTP/1.1 408 ")


def test_a_client_that_leaves_in_the_middle_costs_nothing(server: Running) -> None:
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(HEAD + b"Content-Length: 100\r\n\r\nhalf")


def test_a_header_without_end_is_refused(server: Running) -> None:
    before = memory(server)
    said = spoken(server, b"GET /ping HTTP/1.1\r\nHost: x\r\nX-Long: ", *[b"a" * 65536] * 1024)
    assert said == b"" or said.startswith(b"HTTP/1.1 431 ")
    assert memory(server) < before + (64 << 20)


def test_headers_without_number_are_refused(server: Running) -> None:
    headers = b"".join(b"X-%d: a\r\n" % number for number in range(1000))
    said = spoken(server, b"GET /ping HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
    assert said.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize("opening", [b"[", b'{"inputs":', b'{"dataframe_split":{"columns":[],"data":['])
def test_json_ten_thousand_deep_is_refused(server: Running, opening: bytes) -> None:
    answer = server.ask("POST", "/invocations", opening * 10_000, JSON)
    assert (answer.status, answer.json["error_code"]) == (400, "BAD_REQUEST")


def test_a_compressed_body_is_refused_unopened(server: Running) -> None:
    bomb = gzip.compress(b" " * (256 << 20), 9)
    answer = server.ask("POST", "/invocations", bomb, JSON | {"content-encoding": "gzip"})
    assert answer.status == 415
    assert answer.json["message"] == "the body must not be compressed, but its content-encoding is gzip"


@pytest.mark.parametrize(
    "text", [b"\x00" * 100, b"GET\r\n\r\n", b"POST /invocations HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"]
)
def test_what_is_no_http_is_closed(server: Running, text: bytes) -> None:
    assert not spoken(server, text).startswith(b"HTTP/1.1 200")


def test_two_lengths_are_refused(server: Running) -> None:
    said = spoken(server, HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")
    assert said.startswith(b"HTTP/1.1 400 ")


def test_head_has_the_status_without_the_body(server: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("HEAD", "/ping")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")


def test_headers_that_stop_coming_are_given_up(server: Running) -> None:
    assert not spoken(server, b"GET /ping HTTP/1.1\r\nHo").startswith(b"HTTP/1.1 200")
