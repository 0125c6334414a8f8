"""A stateful fake of the parts of GitHub's REST API that Slipway uses: the stand-in for what cannot run here.

    with GitHub(bare_repository, "octo/flights") as github:
        token = github.token(contents="write")          # what `permissions:` in a workflow would grant
        run(GITHUB_API_URL=github.url, GITHUB_REPOSITORY=github.full_name, GITHUB_TOKEN=token)
        assert github.repository.releases[0].prerelease
        assert github.unknown == []                     # nothing was asked that the fake does not know

Faithful from GitHub's documentation and its published API description (26.10.21, version 2022-11-28): paths, methods,
status codes, the fields of every full answer (``shapes.json``; each 2xx answer of these tests is held against it),
paging with Link headers, draft visibility, ``make_latest``, `created_at` as the date of the commit, immutable releases,
asset states and digests, redirects to the storage, deployments and ``auto_inactive``, dispatch limits, the permission of
each route, the workflow check of ``target_commitish``. Faithful from answers that others have published: the wording
of refusals, the "Latest" pin that unmarking a pre-release does not move, drafts that lose their tag when an edit leaves
``tag_name`` out. What is a guess stands in README.md beside this file, with where each known thing is from.

Refs, tags, commits and workflow files are real: they are read from, and made in, the bare repository. There is no
``__init__.py`` here: pytest would then take this folder for the package ``github``, which is PyGithub's name.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bare import Bare
from .faults import Fault, Faults
from .messages import Answer, Request
from .permissions import Kind, Token, checked
from .records import Dispatch, Event
from .repository import Repository
from .server import Server

BOT = "github-actions[bot]"


@dataclass(frozen=True)
class Exchange:
    """A request with its answer; ``answer`` is None while, or because, none was worked out."""

    request: Request
    answer: Answer | None


class GitHub:
    """One repository on one server on 127.0.0.1; a context manager that stops the server and reports bugs."""

    def __init__(self, bare: Path, full_name: str = "octo/flights", *, port: int = 0, **settings: Any) -> None:
        """``settings`` are fields of Repository: private, immutable_releases, actions_may_open_pulls, ..."""
        self.repository = Repository(Bare(bare), full_name, **settings)
        self.tokens: dict[str, Token] = {}
        self.faults = Faults()
        self.unknown: list[str] = []
        self.bugs: list[Exception] = []
        self._exchanges: dict[int, Exchange] = {}
        self._lock = threading.Lock()
        self._count = 0
        self._server = Server(self, port)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.repository.url = self.url

    def __enter__(self) -> GitHub:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        if self.bugs:
            raise self.bugs[0]

    @property
    def full_name(self) -> str:
        return self.repository.full_name

    def token(self, actor: str = BOT, kind: Kind = "GITHUB_TOKEN", access: bool = True, **permissions: str) -> str:
        """A new token with those permissions and no others (``contents="write"``, ``pull_requests="read"``, ...)."""
        secret = f"{'ghp' if kind == 'personal' else 'ghs'}_{secrets.token_hex(18)}"
        self.tokens[secret] = Token(secret, actor, kind, checked(permissions, kind), access)
        return secret

    def plan(self, *faults: Fault) -> None:
        """What shall go wrong from now on; without a plan the requests are only numbered."""
        self.faults.plan(*faults)

    @property
    def requests(self) -> list[Request]:
        """Every request so far in order of its number, which counts from 1."""
        return [exchange.request for exchange in self.exchanges]

    @property
    def exchanges(self) -> list[Exchange]:
        with self._lock:
            return [self._exchanges[number] for number in sorted(self._exchanges)]

    @property
    def events(self) -> list[Event]:
        return self.repository.events

    @property
    def dispatches(self) -> list[Dispatch]:
        return self.repository.dispatches

    def next_dispatch(self, timeout: float = 60) -> Dispatch:
        """Wait for the next accepted dispatch, so that a test can run it; raises queue.Empty."""
        return self.repository.dispatched.get(timeout=timeout)

    def hide(self, ref: str, dispatches: int) -> None:
        """Let that many dispatches find no such ref (``refs/tags/v1.0.0``): a tag just pushed is not visible yet."""
        self.repository.invisible[ref] = dispatches

    def next_number(self) -> int:
        with self._lock:
            self._count += 1
            return self._count

    def seen(self, request: Request) -> None:
        self.settled(request, None)

    def settled(self, request: Request, answer: Answer | None) -> None:
        with self._lock:
            self._exchanges[request.number] = Exchange(request, answer)
