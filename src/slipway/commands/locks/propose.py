"""Propose newer versions of the locked packages: hand the new locks to another job, which opens one pull request.

The job that resolves can run code of the packages, which `uv` builds if it must; so it has no power. The job that pushes
and opens the pull request gets the texts of the locks, and writes nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slipway.commands.locks.lock_files import VersionChange, compare_versions, lock_files
from slipway.errors import NotFoundError, ReleaseError, SettingsError
from slipway.storage import atomic
from slipway.versioning.git import remote
from slipway.versioning.git.checkout import Checkout, checkout_at, file_at
from slipway.versioning.git.command import REMOTE, credentials, git, last_line, run
from slipway.versioning.git.commit import create_commit

BRANCH = "locks/newer-versions"
TITLE = "build: update the locked versions"
CHANGES_FILE = "locks.json"


class LockChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new text of each lock that changed, by path in the repository."""

    files: dict[str, str]


@dataclass(frozen=True)
class Proposal:
    """A pull request for new locks; ``url`` is empty if the locks are the same as on the branch already."""

    changes: list[VersionChange]
    url: str = ""


def save_changes(folder: Path, into: Path) -> tuple[LockChanges, list[VersionChange]]:
    """Write the locks that differ from the commit of a checkout to a file in ``into``, for another job."""
    root = Path(git(folder, "rev-parse", "--show-toplevel"))
    before = _committed(root, lock_files(root))
    now = {path: (root / path).read_text(encoding="utf-8") for path in before}
    found = LockChanges({path: text for path, text in now.items() if text != before[path]})
    into.mkdir(parents=True, exist_ok=True)
    atomic.write_file(into / CHANGES_FILE, msgspec.json.encode(found))
    return found, compare_versions(before, now)


def propose_changes(folder: Path, given: Path, repository: str | None) -> Proposal:
    """Push the locks that another job saved to a branch, and open or update its pull request; nothing else moves.

    Raises:
        NotFoundError, SettingsError: the other job's file is missing, or names another file than a lock.
        ReleaseError: the checkout is not on a branch, or the branch for the proposal has other commits.
        GitHubError: GitHub did not open the pull request.
    """
    from slipway.github.client import connect
    from slipway.github.issues import open_pull_request

    checkout = checkout_at(folder)
    if not checkout.branch:
        raise ReleaseError(f"{checkout.root} is not on a branch (detached HEAD), so there is nothing to merge into")
    before = _committed(checkout.root, lock_files(checkout.root))
    files = {path: text for path, text in _read_changes(given, before).files.items() if text != before[path]}
    changes = compare_versions(before, {**before, **files})
    if not files:
        return Proposal(changes)
    _push(checkout, _commit(checkout, files), files)
    body = describe_changes(changes, list(files))
    on = connect(repository)
    return Proposal(changes, open_pull_request(on, BRANCH, base=checkout.branch, title=TITLE, body=body, update=True))


def describe_changes(changes: list[VersionChange], files: list[str]) -> str:
    """Return what changed as Markdown, for a pull request and a job's summary."""
    lines = [f"- {change}" for change in changes] or ["No version changed; only hashes, comments or markers did."]
    return "\n".join([*lines, "", f"Files: {', '.join(f'`{path}`' for path in files)}"])


def _committed(root: Path, paths: list[str]) -> dict[str, str]:
    return {path: file_at(root, "HEAD", path) or "" for path in paths}


def _read_changes(folder: Path, locks: Mapping[str, str]) -> LockChanges:
    path = folder / CHANGES_FILE
    try:
        changes = msgspec.json.decode(path.read_bytes(), type=LockChanges)
    except FileNotFoundError:
        raise NotFoundError(f"no file {path}; `slipway ci changed-locks {folder}` writes it") from None
    except msgspec.DecodeError as error:
        raise SettingsError(f"{path} was not written by `slipway ci changed-locks {folder}`: {error}") from None
    if others := sorted(changes.files.keys() - locks.keys()):
        raise SettingsError(f"{path} names {', '.join(others)[:200]}, which is not a lock; nothing was pushed")
    return changes


def _commit(checkout: Checkout, files: Mapping[str, str]) -> str:
    with tempfile.TemporaryDirectory(prefix="slipway-locks-") as folder:
        contents: dict[str, Path] = {}
        for number, (path, text) in enumerate(files.items()):
            contents[path] = Path(folder, str(number))
            contents[path].write_text(text, encoding="utf-8")
        return create_commit(checkout, contents, TITLE)


def _push(checkout: Checkout, commit: str, files: Mapping[str, str]) -> None:
    """Push the commit to the branch, in place of an earlier proposal; the same proposal is left as it is."""
    ref = f"refs/heads/{BRANCH}"
    existing = remote.list_refs(checkout, ref).get(ref, "")
    if existing:
        git(checkout.root, "fetch", "-q", "--no-tags", REMOTE, existing, extra=credentials(checkout.root))
        if all(_blob(checkout, existing, path) == _blob(checkout, commit, path) for path in files):
            return
        if git(checkout.root, "log", "--format=%s", f"{checkout.commit}..{existing}").splitlines() not in ([], [TITLE]):
            raise ReleaseError(
                f"{BRANCH} on {REMOTE} has commits by other authors; merge or delete that branch first; nothing was pushed"
            )
    if refusal := remote.push(checkout, {ref: commit}, replacing={ref: existing}):
        raise ReleaseError(f"{REMOTE} rejected the branch {BRANCH}: {last_line(refusal.output)}; nothing was pushed")


def _blob(checkout: Checkout, commit: str, path: str) -> str:
    return run(checkout.root, "rev-parse", "--verify", "-q", f"{commit}:{path}").stdout
