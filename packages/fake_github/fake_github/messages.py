"""One request, one answer, and the refusals as GitHub words them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DOCS = "https://docs.github.com/rest"


@dataclass(frozen=True)
class Request:
    """What arrived; ``complete`` is false when the sender stopped before ``Content-Length`` bytes."""

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    complete: bool = True

    @property
    def token(self) -> str | None:
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if scheme.lower() in ("token", "bearer") else None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """What goes back: bytes as they are, None as an empty body, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        if self.body is None or isinstance(self.body, bytes):
            return self.body or b""
        return json.dumps(self.body, ensure_ascii=False).encode()


def created(body: dict[str, Any]) -> Answer:
    """201 with what was made, and where it is."""
    return Answer(201, body, {"Location": body["url"]})


class Refused(Exception):
    """An answer of 400 or more, raised from wherever it is noticed."""

    def __init__(self, status: int, message: str, *errors: dict[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)

    def answer(self, docs: str) -> Answer:
        errors = {"errors": self.errors} if self.errors else {}
        body = {"message": self.message, **errors, "documentation_url": DOCS + docs, "status": str(self.status)}
        return Answer(self.status, body)


def invalid(*errors: dict[str, Any]) -> Refused:
    """422 ``Validation Failed`` with a list of what is wrong."""
    return Refused(422, "Validation Failed", *errors)


def wrong(resource: str, code: str, field: str = "", message: str = "") -> dict[str, Any]:
    """One entry of that list; GitHub leaves the field or the message out when there is none."""
    entry = {"resource": resource, "code": code, "field": field, "message": message}
    return {key: value for key, value in entry.items() if value}


def not_found() -> Refused:
    return Refused(404, "Not Found")


def malformed(name: str, value: Any, wanted: str) -> Refused:
    """422 for a field of the wrong type, in the words of GitHub's schema check."""
    shown = "nil" if value is None else json.dumps(value)
    return Refused(422, f"Invalid request.\n\nFor '{name}', {shown} is not {wanted}.")


class Fields:
    """The JSON object of a request body."""

    def __init__(self, body: bytes) -> None:
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            raise Refused(400, "Problems parsing JSON") from None
        if not isinstance(given, dict):
            raise Refused(400, "Body should be a JSON object")
        self.given: dict[str, Any] = given

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def need(self, name: str) -> str:
        if name not in self.given:
            raise Refused(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
        return self.text(name)

    def text(self, name: str, default: str = "") -> str:
        value = self.given.get(name, default)
        if not isinstance(value, str):
            raise malformed(f"properties/{name}", value, "a string")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Anything but JSON's true is false, the text "true" too: so GitHub publishes a draft by ``-f draft=true``."""
        return self.given.get(name, default) is True

    def texts(self, name: str) -> list[str]:
        value = self.given.get(name, [])
        if not isinstance(value, list):
            raise malformed(f"properties/{name}", value, "an array")
        return [str(item["name"] if isinstance(item, dict) else item) for item in value]
