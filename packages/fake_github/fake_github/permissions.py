"""Who may do what: 401, 403 and 404 as GitHub chooses among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .messages import Refused, not_found

Level = Literal["read", "write"]
Kind = Literal["GITHUB_TOKEN", "app", "personal"]
RANK = {"none": 0, "read": 1, "write": 2}
ALL = ("actions", "contents", "deployments", "issues", "pull-requests", "workflows")


@dataclass(frozen=True)
class Token:
    """A secret, whose it is, and what it may do here (``access`` false: it belongs to another repository)."""

    secret: str
    actor: str
    kind: Kind
    permissions: Mapping[str, str]
    access: bool = True

    def may(self, area: str, level: Level) -> bool:
        granted = "read" if area == "metadata" else self.permissions.get(area, "none")
        return self.access and RANK[granted] >= RANK[level]

    @property
    def described(self) -> str:
        return "personal access token" if self.kind == "personal" else "integration"


def checked(permissions: Mapping[str, str], kind: Kind) -> dict[str, str]:
    """The table of permissions with dashes as in a workflow; raises ValueError on what GitHub does not know."""
    table = {area.replace("_", "-"): level for area, level in permissions.items()}
    if unknown := [f"{a}: {v}" for a, v in table.items() if a not in ALL or v not in RANK]:
        raise ValueError(f"no such permission: {', '.join(unknown)}; there are {', '.join(ALL)}")
    if kind == "GITHUB_TOKEN" and "workflows" in table:
        raise ValueError("GITHUB_TOKEN cannot be granted the permission 'workflows'")
    return table


def authorize(token: Token | None, private: bool, area: str, level: Level) -> None:
    """Pass silently or raise the refusal; what is public may be read by anyone."""
    if private and (token is None or not token.access):
        raise not_found()
    if level == "read" and not private:
        return
    if token is None:
        raise Refused(401, "Requires authentication")
    if not token.may(area, level):
        raise forbidden(token)


def forbidden(token: Token) -> Refused:
    return Refused(403, f"Resource not accessible by {token.described}")


def authorize_workflows(token: Token) -> None:
    """What a release needs whose target adds or modifies a workflow: 404 for people, 403 for GITHUB_TOKEN and Apps."""
    if not token.may("workflows", "write"):
        raise not_found() if token.kind == "personal" else forbidden(token)
