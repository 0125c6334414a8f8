"""`slipway retrain` on the released project: the days to move the pin between, and what a refusal must leave alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.fork_server import Ended, slipway_here
from tests.support.git_repositories import git, refs

THROUGH = "2024-02-20"
MARCH = "2024-03-10"
SUBJECT = f"fix(data): retrain on parcels through {MARCH}"


def retrain(root: Path, *arguments: str, **variables: str) -> Ended:
    return slipway_here(root, "retrain", *arguments, **variables)


def settings(root: Path) -> str:
    return (root / "slipway.toml").read_text()


def truth(root: Path) -> tuple[Any, ...]:
    """All that a refused retrain must leave alone."""
    here = (git(root, "rev-parse", "HEAD"), git(root, "status", "--porcelain"), settings(root))
    return (*here, refs(root), git(root, "for-each-ref"))


def refused(root: Path, *arguments: str, code: int, **variables: str) -> str:
    before = truth(root)
    done = retrain(root, *arguments, **variables)
    assert (done.returncode, truth(root)) == (code, before), done.stderr
    return done.stderr
