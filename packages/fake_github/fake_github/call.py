"""What an endpoint is given, and lists in pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlencode

from .messages import Answer, Fields, Request, not_found
from .permissions import Level, Token
from .repository import Repository

LARGEST_PAGE = 100
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One authorised request: ``params`` are the parts of its path."""

    repository: Repository
    request: Request
    token: Token | None
    params: dict[str, str]

    @cached_property
    def fields(self) -> Fields:
        return Fields(self.request.body)

    @property
    def writer(self) -> Token:
        """The token; only for routes that need one, where authorisation has seen it."""
        assert self.token is not None
        return self.token

    @property
    def id(self) -> int:
        return int(self.params["id"])

    def may(self, area: str, level: Level) -> bool:
        return self.token is not None and self.token.may(area, level)


def only(items: Sequence[T], wanted: int, key: str = "id") -> T:
    """The item with that id; raises 404."""
    for item in items:
        if getattr(item, key) == wanted:
            return item
    raise not_found()


def number(text: str, default: int) -> int:
    return max(int(text), 1) if text.isdigit() else default


def paged(call: Call, items: Sequence[Any], key: str = "") -> Answer:
    """One page of JSON values, 30 of them unless told, 100 at most; with ``key`` inside an object with the total."""
    size = min(number(call.request.query.get("per_page", ""), 30), LARGEST_PAGE)
    page = number(call.request.query.get("page", ""), 1)
    part = list(items[(page - 1) * size : page * size])
    last = max(-(-len(items) // size), 1)
    body = {"total_count": len(items), key: part} if key else part
    return Answer(200, body, links(call, page, last))


def links(call: Call, page: int, last: int) -> dict[str, str]:
    """The Link header; GitHub's point to /repositories/ID, not to the path that was asked for."""
    repository = call.repository
    path = call.request.path.replace(f"/repos/{repository.full_name}", f"/repositories/{repository.id}", 1)
    wanted = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    skipped = {"prev", "first"} if page == 1 else set()
    skipped |= {"next", "last"} if page >= last else set()
    parts = [
        f'<{repository.url}{path}?{urlencode({**call.request.query, "page": target})}>; rel="{name}"'
        for name, target in wanted.items()
        if name not in skipped
    ]
    return {"Link": ", ".join(parts)} if parts else {}
