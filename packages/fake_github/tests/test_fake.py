"""The fake itself: what it remembers, how it ends, and that its own checks can fail."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from fake_github.clients import Client
from fake_github.fake import GitHub
from fake_github.faults import Fault
from fake_github.shapes import faults, misshapen

from tests.support.eventually import eventually

ROOT = Path(__file__).parents[1]


def test_what_is_not_known_is_404_and_remembered(github: GitHub, writer: Client) -> None:
    refused = writer.get("environments")
    assert (refused.status, refused.json["status"]) == (404, "404")
    assert writer.ask("PUT", "releases").status == 404
    assert github.unknown == ["GET /repos/octo/flights/environments", "PUT /repos/octo/flights/releases"]


def test_every_answer_has_a_request_id_and_the_rate_limit(writer: Client) -> None:
    reply = writer.get("releases")
    assert reply.headers["X-GitHub-Request-Id"] == "FAKE:1"
    assert reply.headers["X-RateLimit-Limit"] == "5000"
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert writer.get("/rate_limit").json["rate"]["limit"] == 5000


def test_a_request_is_remembered_with_what_it_sent(github: GitHub, writer: Client) -> None:
    writer.patch("releases/1?x=y", name="n")
    (request,) = github.requests
    assert (request.query, json.loads(request.body)) == ({"x": "y"}, {"name": "n"})


def test_one_connection_serves_many_requests_and_unread_bodies_do_not_spoil_it(github: GitHub) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port(github), timeout=60)
    for path, status in (("/rate_limit", 200), ("/repos/octo/flights/releases", 401), ("/rate_limit", 200)):
        connection.request("POST" if status == 401 else "GET", path, b"x" * 10 if status == 401 else None)
        answer = connection.getresponse()
        assert (answer.status, len(answer.read()) > 0) == (status, True)
    connection.close()


def port(github: GitHub) -> int:
    return int(github.url.rpartition(":")[2])


def test_a_fake_that_closes_lets_go_of_clients_and_threads(bare: Path) -> None:
    before = threading.active_count()
    with GitHub(bare) as github:
        hanging, idle = (socket.create_connection(("127.0.0.1", port(github)), timeout=60) for _ in range(2))
        github.plan(Fault("hang"))
        hanging.sendall(b"GET /rate_limit HTTP/1.1\r\nHost: x\r\n\r\n")
        assert eventually(lambda: len(github.requests) == 1)
        assert Client(github).get("/rate_limit").status == 200
    assert ended(hanging) and ended(idle)
    assert eventually(lambda: threading.active_count() == before)


def ended(connection: socket.socket) -> bool:
    """Has the other side closed? Raises TimeoutError if not."""
    with connection:
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True


def test_a_bug_of_the_fake_fails_the_test_that_met_it(bare: Path) -> None:
    github = GitHub(bare).__enter__()
    shutil.rmtree(bare)
    assert Client(github).get("").status == 500
    with pytest.raises(subprocess.CalledProcessError):
        github.__exit__()


def test_an_answer_without_a_field_or_with_a_wrong_one_is_noticed(bare: Path) -> None:
    with GitHub(bare) as github:
        writer = Client(github, github.token(contents="write"))
        writer.release("v1.0.0")
        assert misshapen(github) == []
        body = github.exchanges[0].answer.body  # type: ignore[union-attr]
        del body["tag_name"]
        body["author"]["id"] = "one"
        assert misshapen(github) == [
            "POST /repos/octo/flights/releases: answer.tag_name is missing",
            "POST /repos/octo/flights/releases: answer.author.id is 'one', not int",
        ]


@pytest.mark.parametrize(
    ("value", "shape"),
    [(None, "str"), (1, "str?"), (True, "int"), ("today", "time"), ([{}], ["label"]), ("x", "label")],
)
def test_a_wrong_shape_is_named(value: object, shape: object) -> None:
    assert faults(value, shape)


def test_release_events_by_github_token_start_nothing_and_a_persons_do(github: GitHub, writer: Client) -> None:
    writer.release("v9.0.0")
    assert {(event.name, event.starts_workflows) for event in github.events} == {
        ("create", False),
        ("push", False),
        ("release", False),
    }
    Client(github, github.token("octocat", kind="personal", contents="write")).release("v8.0.0")
    assert (github.events[-1].actor, github.events[-1].starts_workflows) == ("octocat", True)


@pytest.mark.parametrize("end", ["closed pipe", "signal"])
def test_the_program_serves_tells_what_happens_and_ends(bare: Path, end: str) -> None:
    command = [
        sys.executable,
        "-m",
        "fake_github",
        str(bare),
        "--token",
        "contents=write",
        "--token",
        "",
        "--immutable",
    ]
    stdin = subprocess.PIPE if end == "closed pipe" else subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE, text=True) as program:
        first = json.loads(program.stdout.readline())
        assert create_release(first)["immutable"] is True
        if end == "signal":
            program.terminate()
        told = program.communicate(timeout=60)[0]
    lines = [json.loads(line) for line in told.splitlines()]
    assert {"request": ["POST /repos/octo/flights/releases", 201]} in lines
    assert [line["event"]["action"] for line in lines if "event" in line] == ["published", "created"]
    assert program.returncode == 0


def create_release(started: Any) -> Any:
    """Of the first token that the program printed."""
    connection = http.client.HTTPConnection(started["url"].removeprefix("http://"), timeout=60)
    headers = {"Authorization": f"token {started['tokens'][0]}"}
    connection.request("POST", f"/repos/{started['repository']}/releases", b'{"tag_name": "v1.0.0"}', headers)
    return json.loads(connection.getresponse().read())
