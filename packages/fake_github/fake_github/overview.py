"""The repository itself, and how many requests are left."""

from __future__ import annotations

from typing import Any

from .call import Call
from .messages import Answer

LIMIT = 5000


def get_repository(call: Call) -> Answer:
    repository = call.repository
    parts = ("releases{/id}", "deployments", "issues{/number}", "pulls{/number}", "labels{/name}", "commits{/sha}")
    urls = {f"{part.partition('{')[0]}_url": f"{repository.api}/{part}" for part in parts}
    return Answer(
        200,
        {
            "id": repository.id,
            "node_id": f"R_{repository.id}",
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.private,
            "visibility": "private" if repository.private else "public",
            "owner": repository.user(repository.owner),
            "html_url": repository.page,
            "description": None,
            "url": repository.api,
            **urls,
            "default_branch": repository.bare.default_branch(),
            **dict.fromkeys(("archived", "disabled", "fork"), False),
            "permissions": permitted(call),
        },
    )


def permitted(call: Call) -> dict[str, bool]:
    push = call.may("contents", "write")
    return {"admin": False, "maintain": False, "push": push, "triage": push, "pull": True}


def rate_limit(call: Call) -> Answer:
    rate = rate_state(call.request.number)
    return Answer(200, {"resources": {"core": rate, "search": rate}, "rate": rate})


def rate_state(number: int) -> dict[str, Any]:
    """The fake's limit never ends; only faults say otherwise."""
    return {"limit": LIMIT, "remaining": max(LIMIT - number, 1), "reset": 4102444800, "used": number}
