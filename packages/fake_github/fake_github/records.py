"""What the fake remembers: plain records, in the words of GitHub's API."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass
class Asset:
    """One file of a release; ``starter`` until all of its bytes have arrived."""

    id: int
    name: str
    label: str | None
    content_type: str
    uploader: str
    created_at: datetime
    state: Literal["starter", "uploaded"] = "starter"
    content: bytes = b""
    digest: str | None = None
    downloads: int = 0


@dataclass
class Release:
    """One release; ``slug`` is the ``untagged-...`` name in a draft's addresses, ``unlisted`` counts lists to miss it."""

    id: int
    slug: str
    tag_name: str
    target_commitish: str
    name: str
    body: str
    author: str
    created_at: datetime
    updated_at: datetime
    draft: bool = True
    prerelease: bool = False
    immutable: bool = False
    published_at: datetime | None = None
    assets: list[Asset] = field(default_factory=list)
    unlisted: int = 0


@dataclass
class DeploymentStatus:
    """One state of a deployment; the newest is the one that counts."""

    id: int
    state: str
    creator: str
    created_at: datetime
    given: dict[str, Any]


@dataclass
class Deployment:
    """One deployment; ``given`` is what its creator sent, defaults filled in."""

    id: int
    sha: str
    creator: str
    created_at: datetime
    given: dict[str, Any]
    statuses: list[DeploymentStatus] = field(default_factory=list)


@dataclass
class Comment:
    """One comment on an issue or a pull request."""

    id: int
    body: str
    author: str
    created_at: datetime
    updated_at: datetime


@dataclass
class Issue:
    """An issue, or a pull request when it has ``head`` and ``base``: they share one row of numbers."""

    id: int
    number: int
    title: str
    body: str
    author: str
    created_at: datetime
    updated_at: datetime
    labels: list[str] = field(default_factory=list)
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    comments: list[Comment] = field(default_factory=list)
    head: str = ""
    base: str = ""
    draft: bool = False


@dataclass
class Label:
    """A label of the repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass
class Run:
    """A workflow run; a test may set ``status`` and ``conclusion``."""

    id: int
    number: int
    workflow: str
    name: str
    ref: str
    sha: str
    actor: str
    created_at: datetime
    status: str = "queued"
    conclusion: str | None = None


@dataclass(frozen=True)
class Dispatch:
    """An accepted workflow_dispatch: ``given`` as sent, ``inputs`` with the defaults of the file at that ref."""

    workflow: str
    ref: str
    sha: str
    given: dict[str, str]
    inputs: dict[str, str]
    actor: str
    run_id: int
    repository: str
    default_branch: str

    @property
    def event(self) -> dict[str, Any]:
        """The event file with which ``act`` runs it."""
        owner, _, name = self.repository.partition("/")
        repository = {"full_name": self.repository, "name": name, "owner": {"login": owner}}
        return {
            "ref": self.ref,
            "after": self.sha,
            "inputs": self.inputs,
            "workflow": self.workflow,
            "sender": {"login": self.actor},
            "repository": {**repository, "default_branch": self.default_branch},
        }


@dataclass(frozen=True)
class Event:
    """Something a webhook would tell; ``starts_workflows`` is false where GITHUB_TOKEN did it."""

    name: str
    action: str | None
    actor: str
    starts_workflows: bool
    about: dict[str, Any]
