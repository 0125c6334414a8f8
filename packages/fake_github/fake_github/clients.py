"""How the tests talk to the fake: plain HTTP, and PyGithub without its pauses."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from github import Auth, Github
from github.Repository import Repository

from .fake import GitHub

Make = Callable[..., GitHub]
"""Starts a fake with settings of a test's choice."""


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["message"])


class Client:
    """Plain HTTP as one token; paths without a leading slash stand below the repository."""

    def __init__(self, github: GitHub, token: str | None = None, timeout: float = 60) -> None:
        self.github = github
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.timeout = timeout

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request on a connection of its own; ``body`` is bytes or becomes JSON."""
        address = urlsplit(path) if path.startswith("http") else None
        path = f"{address.path}?{address.query}" if address else path
        path = path if path.startswith("/") else f"/repos/{self.github.full_name}/{path}".rstrip("/")
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", int(self.github.url.rpartition(":")[2]), self.timeout)
        try:
            connection.request(method, path, content, {**self.headers, **named(headers)})
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def post(self, path: str, **fields: Any) -> Reply:
        return self.ask("POST", path, fields)

    def patch(self, path: str, **fields: Any) -> Reply:
        return self.ask("PATCH", path, fields)

    def delete(self, path: str) -> Reply:
        return self.ask("DELETE", path)

    def release(self, tag: str, **fields: Any) -> Any:
        """A release that must be made; its JSON."""
        reply = self.post("releases", tag_name=tag, **fields)
        assert reply.status == 201, reply.body
        return reply.json

    def upload(self, release: Any, name: str, content: bytes, kind: str = "application/zip") -> Reply:
        url = release["upload_url"].partition("{")[0]
        return self.ask("POST", f"{url}?name={name}", content, content_type=kind)


def named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def pygithub(github: GitHub, token: str, **options: Any) -> Repository:
    """The repository as PyGithub sees it; no retries and no pauses unless asked for."""
    quick = {"seconds_between_requests": 0, "seconds_between_writes": 0, "retry": None, "timeout": 60}
    client = Github(base_url=github.url, auth=Auth.Token(token), **{**quick, **options})
    return client.get_repo(github.full_name)
