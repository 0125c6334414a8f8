"""The one repository of a fake: its settings, its records, and the lock around them."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

from .bare import Bare
from .permissions import Token
from .records import Deployment, Dispatch, Event, Issue, Label, Release, Run

ALWAYS_START = ("workflow_dispatch", "repository_dispatch")


def now() -> datetime:
    """The time as GitHub keeps it: whole seconds, UTC."""
    return datetime.now(UTC).replace(microsecond=0)


def stamp(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def values_of(record: Any, *names: str) -> dict[str, Any]:
    """These fields of a record, under the names that GitHub gives them too."""
    found = {name: getattr(record, name) for name in names}
    return {name: stamp(value) if isinstance(value, datetime) else value for name, value in found.items()}


@dataclass
class Repository:
    """Every field may be read and changed by a test, under ``lock`` while clients are at work."""

    bare: Bare
    full_name: str
    private: bool = False
    immutable_releases: bool = False
    actions_may_open_pulls: bool = False
    list_lag: int = 0
    id: int = 4242
    url: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)
    releases: list[Release] = field(default_factory=list)
    pinned_latest: int | None = None
    burned_tags: set[str] = field(default_factory=set)
    deployments: list[Deployment] = field(default_factory=list)
    checks: dict[str, str] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    labels: dict[str, Label] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    dispatches: list[Dispatch] = field(default_factory=list)
    dispatched: SimpleQueue[Dispatch] = field(default_factory=SimpleQueue)
    invisible: Counter[str] = field(default_factory=Counter)
    events: list[Event] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(101))

    @property
    def owner(self) -> str:
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        return self.full_name.partition("/")[2]

    @property
    def api(self) -> str:
        return f"{self.url}/repos/{self.full_name}"

    @property
    def page(self) -> str:
        """Where the repository would be on github.com."""
        return f"{self.url}/{self.full_name}"

    def next_id(self) -> int:
        return next(self.ids)

    def happened(self, token: Token, name: str, action: str | None = None, **about: Any) -> None:
        """Remember an event and whether it may start workflows."""
        starts = token.kind != "GITHUB_TOKEN" or name in ALWAYS_START
        self.events.append(Event(name, action, token.actor, starts, about))

    def user(self, login: str) -> dict[str, Any]:
        """A "simple user" as it stands in most answers."""
        url = f"{self.url}/users/{login}"
        pages = ("followers", "subscriptions", "organizations", "repos", "received_events")
        kind = "Bot" if login.endswith("[bot]") else "User"
        return {
            "login": login,
            "id": 1 + sum(login.encode()),
            "node_id": f"U_{login}",
            "avatar_url": f"{self.url}/avatars/{login}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.url}/{login}",
            **{f"{page}_url": f"{url}/{page}" for page in pages},
            "following_url": f"{url}/following{{/other_user}}",
            "gists_url": f"{url}/gists{{/gist_id}}",
            "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
            "events_url": f"{url}/events{{/privacy}}",
            "type": kind,
            "site_admin": False,
        }
