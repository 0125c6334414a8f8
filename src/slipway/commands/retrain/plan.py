"""Plan a retrain before anything is changed: the start commit, the new settings and the commit message."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from slipway.commands.retrain.commit import choose_level, message, subject
from slipway.commands.retrain.pin import Pin, RetrainRequest, move_pin, pin_of, resolve_pin
from slipway.errors import RetrainError
from slipway.settings.settings import Settings, parse_settings
from slipway.tables.source_uri import local_path
from slipway.versioning.commit_lint import Linter
from slipway.versioning.commit_types import is_release_branch
from slipway.versioning.git.checkout import Checkout, checkout_at, file_at
from slipway.versioning.git.command import git, run

State = Literal["moved", "unchanged", "unreleased"]


@dataclass(frozen=True)
class Plan:
    """The settings before and after; ``old_text`` is the settings file as committed, ``new_text`` as it will be."""

    checkout: Checkout
    repo_path: str
    before: Settings
    after: Settings
    old_text: str
    new_text: str
    state: State
    request: RetrainRequest

    @property
    def pin(self) -> Pin:
        """The new data pin."""
        return pin_of(self.after)

    @cached_property
    def subject(self) -> str:
        """The first line of the commit message."""
        return subject(self.request, self.before, self.pin, choose_level(self.checkout, self.after))

    def message(self, model: str) -> str:
        """Return the commit message, with the digest of the trial run's model if there was a trial run."""
        return message(self.subject, self.request, model, Linter(self.checkout.root))

    def pinned_files(self) -> Mapping[str, Path]:
        """Return new data files to commit, by path: those inside the repository that git does not ignore."""
        found: dict[str, Path] = {}
        for name, source in self.pin.sources.items():
            path = None if "://" in source.uri else local_path(str(self.after.root / source.uri))
            if (
                source == pin_of(self.before).sources[name]
                or path is None
                or not path.is_relative_to(self.checkout.root)
            ):
                continue
            repo_path = path.relative_to(self.checkout.root).as_posix()
            if run(self.checkout.root, "check-ignore", "-q", "--", repo_path).returncode:
                found[repo_path] = path
        return found


def plan(settings_file: Path, request: RetrainRequest, today: datetime.date) -> Plan:
    """Plan the retrain. Nothing is changed, except that new sources are copied if ``data.snapshots`` is set.

    Raises:
        RetrainError: the checkout is not on a release branch, its settings have uncommitted changes, or the day is wrong.
        SlipwayError: what ``resolve_pin`` and ``move_pin`` raise.
    """
    path = settings_file.parent.resolve() / settings_file.name
    checkout = _check_branch(checkout_at(path.parent))
    repo_path = path.relative_to(checkout.root.resolve()).as_posix()
    text, changed = _read_settings(checkout, path, repo_path)
    before = parse_settings(text, path)
    pin = resolve_pin(request, before, today)
    new = move_pin(text, pin, request.parameters)
    if changed is not None and changed != new:
        raise RetrainError(f"{repo_path} has uncommitted changes; commit or discard them first; nothing was changed")
    state: State = "moved" if new != text else _release_state(checkout, repo_path, before)
    return Plan(checkout, repo_path, before, parse_settings(new, path), text, new, state, request)


def _check_branch(checkout: Checkout) -> Checkout:
    if not checkout.branch:
        raise RetrainError(
            f"{checkout.root} is at {checkout.commit[:7]}, not on a branch (detached HEAD); check out the branch to "
            "retrain on; nothing was changed"
        )
    if not is_release_branch(checkout.root, checkout.branch):
        raise RetrainError(
            f"the branch {checkout.branch} makes no releases, so a data pin there would not train anything; check out main "
            "or 1.x, and use --propose for a pull request; nothing was changed"
        )
    return checkout


def _read_settings(checkout: Checkout, path: Path, repo_path: str) -> tuple[str, str | None]:
    """Return the settings file as committed, and as it is on disk if that differs.

    A difference is allowed: a retrain without --commit, or one that was killed, leaves exactly the file that the same
    retrain writes again.
    """
    if not git(checkout.root, "status", "--porcelain", "--", repo_path):
        return path.read_bytes().decode(), None
    if (committed := file_at(checkout.root, "HEAD", repo_path)) is None:
        raise RetrainError(f"{repo_path} was never committed; commit it first; nothing was changed")
    return committed, path.read_bytes().decode() if path.is_file() else ""


def _release_state(checkout: Checkout, repo_path: str, settings: Settings) -> State:
    """Return whether the unchanged data pin has a release already."""
    text = file_at(checkout.root, f"refs/tags/{checkout.last_tag}", repo_path)
    if not checkout.last_tag or text is None:
        return "unchanged"
    released = parse_settings(text, settings.root / Path(repo_path).name)
    same = pin_of(released) == pin_of(settings) and released.train == settings.train
    return "unchanged" if same else "unreleased"
