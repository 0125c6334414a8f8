"""Find the version that a checkout would release; python-semantic-release decides, with extra checks of ours."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from slipway.contract.compatibility import Level
from slipway.errors import ReleaseError
from slipway.versioning.commit_lint import Linter, commits_in, largest_bump
from slipway.versioning.commit_types import is_release_branch
from slipway.versioning.git.checkout import Checkout, checkout_at, earlier_release
from slipway.versioning.git.command import last_line, plain_environment, run_program
from slipway.versioning.git.scratch_clone import workspace
from slipway.versioning.semver import parse_tag

_DRY = ("--no-commit", "--no-tag", "--no-changelog")
_TIMEOUT = 600


@dataclass(frozen=True)
class NextVersion:
    """The next version if it is ``new``, else the current one (empty before the first), the last one, and the notes.

    If nothing would be released and HEAD is not a release, ``version`` and ``last`` are both the last release.
    """

    version: str
    new: bool
    last: str
    notes: str


def find_next_version(path: Path, title: str = "") -> NextVersion:
    """Return what a release from here would be; a detached pull request counts as merged. Changes nothing.

    At a release tag it is that release. With ``title``, it is what a squash merge with that title would release.

    Raises:
        ReleaseError: the history is incomplete, or the version could not be released.
        SettingsError: `pyproject.toml` has no table of commit types.
    """
    checkout = checkout_at(path)
    if checkout.tag and not title:
        return NextVersion(checkout.tag[1:], False, earlier_release(checkout).removeprefix("v"), "")
    branch = _branch(checkout)
    with workspace(checkout, branch, title) as clone:
        return decide_version(clone, checkout, branch, *_DRY)


def decide_version(clone: Path, checkout: Checkout, branch: str, *options: str) -> NextVersion:
    """Run python-semantic-release in a clone of the checkout and check its result.

    Raises:
        ReleaseError: the version belongs to another branch, or exists on another branch.
    """
    last = checkout.last_tag.removeprefix("v")
    unstable = not last or parse_tag(last).major == 0
    if unstable and bump_since_release(clone, checkout) == "none":
        # python-semantic-release would release 1.0.0 from any commit, even from the template's "Initial commit".
        return NextVersion(last, False, last, "")
    found = _run_semantic_release(clone, last, *options)
    if not found.new and found.version != last:
        raise ReleaseError(
            f"the commits since {checkout.last_tag or 'the start'} require {found.version}, but v{found.version} already "
            f"exists outside the history of {branch}; merge the branch that has it, or release from that branch; nothing "
            "was changed"
        )
    _check_branch(branch, found)
    return found


def bump_since_release(clone: Path, checkout: Checkout) -> Level:
    """Return the version bump of the commits since the last release, by the table of commit types."""
    since = f"{checkout.last_tag}..HEAD" if checkout.last_tag else "HEAD"
    linter = Linter(checkout.root)
    return largest_bump([linter.read(commit) for commit in commits_in(clone, since)])


def _run_semantic_release(clone: Path, last: str, *options: str) -> NextVersion:
    """Run `semantic-release version` with these options in a temporary clone; it pushes and publishes nothing.

    Raises:
        ReleaseError: it failed; the message contains its last line.
    """
    outputs = clone.with_name("outputs")
    # -I: otherwise Python would import a semantic_release.py of the clone, which is the working folder.
    command = [sys.executable, "-I", "-m", "semantic_release", "version", "--no-push", "--no-vcs-release", *options]
    environment = {**plain_environment(), "GIT_TERMINAL_PROMPT": "0", "GITHUB_OUTPUT": str(outputs)}
    done = run_program(command, environment, cwd=clone, timeout=_TIMEOUT)
    if done.returncode or not outputs.is_file():
        raise ReleaseError(f"python-semantic-release failed: {_reason(done.stderr)}; nothing was released")
    return _parse(outputs.read_text(encoding="utf-8"), last)


def _reason(output: str) -> str:
    lines = [
        line.removeprefix("::ERROR::") for line in output.splitlines() if "semantic-release in very verbose" not in line
    ]
    return last_line("\n".join(lines))


def _parse(text: str, last: str) -> NextVersion:
    """Parse its outputs; the notes are last and extend to the end of the file, so no line in them can fake the end."""
    head, _, notes = text.partition("\nrelease_notes")
    values = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    notes = notes.removeprefix("<<EOF\n").removesuffix("EOF\n").strip() if notes.startswith("<<EOF\n") else ""
    return NextVersion(values["version"], values["released"] == "true", last, notes)


def _check_branch(branch: str, found: NextVersion) -> None:
    """Check that a maintenance branch `1.x` or `1.4.x` releases only its own numbers."""
    if found.new and branch.endswith(".x"):
        own = tuple(map(int, branch.removesuffix(".x").split(".")))
        if parse_tag(found.version).to_tuple()[: len(own)] != own:
            raise ReleaseError(
                f"branch {branch} releases only {branch.removesuffix('x')}*, but its commits require {found.version}; "
                "release such a change from main; nothing was changed"
            )


def _branch(checkout: Checkout) -> str:
    """Return the branch that would release: this one, the pull request's base, or main."""
    for name in (checkout.branch, os.environ.get("GITHUB_BASE_REF", "")):
        if name and is_release_branch(checkout.root, name):
            return name
    return "main"
