"""The temporary worktree that an upgrade is made in, and the step that moves the user's branch to the result."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.commands.project.upgrade.merge import NO_HOOKS
from slipway.errors import BusyError, UpgradeError
from slipway.settings.settings import STATE
from slipway.storage.locks import exclusive_lock
from slipway.versioning.git.command import first_failure, git, run

BRANCH = "slipway-upgrade-"
_FOLDER = Path(STATE, "upgrade")
_PENDING = "refs/slipway/upgrade"
"""The commit that the branch is being moved to. It is there after a process was killed in that step."""


@dataclass(frozen=True)
class Worktree:
    """A worktree at the user's commit.

    Attributes:
        top: its folder, and ``project`` the project's folder in it.
        base: the user's commit that it was made at.
        resumed: whether an earlier upgrade that stopped at a conflict or a failed test is continued.
    """

    root: Path
    top: Path
    project: Path
    branch: str
    base: str
    resumed: bool

    def keep(self) -> str:
        """Leave it on its branch when the command ends; return the commands that finish it or throw it away."""
        if not waiting_branch(self.root):
            git(self.top, "update-ref", f"refs/heads/{self.branch}", self.base)
            git(self.top, "symbolic-ref", "HEAD", f"refs/heads/{self.branch}")
        return how_to_continue(self.root, self.branch)

    def release(self) -> None:
        """Take the worktree off its branch and delete the branch; the worktree is removed when the command ends."""
        git(self.top, *NO_HOOKS, "checkout", "--quiet", "--detach")
        run(self.root, "branch", "--delete", "--force", self.branch)


def upgrade_lock(root: Path) -> AbstractContextManager[None]:
    """Return the lock that allows one upgrade of a project at a time."""
    return exclusive_lock(
        root / STATE / "upgrade.lock",
        "slipway upgrade",
        busy_error=lambda by: BusyError(
            f"{by} is running in {root}; nothing was changed; try again when it has finished"
        ),
    )


@contextmanager
def open_worktree(root: Path, version: str) -> Iterator[Worktree]:
    """Yield a new worktree, or the one of this version that was kept; it is removed at the end unless it is kept.

    Raises:
        UpgradeError: an upgrade to another version, or the result of one, is still there.
    """
    branch, top = f"{BRANCH}{version}", root / _FOLDER / "worktree"
    waiting = waiting_branch(root)
    if waiting not in ("", branch):
        raise UpgradeError(f"an upgrade on the branch {waiting} is not finished; {how_to_continue(root, waiting)}")
    if not waiting:
        if not run(root, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}").returncode:
            raise UpgradeError(
                f"the branch {branch} already exists; take its upgrade by `git merge {branch}`, or delete it by "
                f"`git branch -D {branch}`; nothing was changed"
            )
        git(root, *NO_HOOKS, "worktree", "add", "--quiet", "--detach", str(top), "HEAD")
    project = top / git(root, "rev-parse", "--show-prefix")
    try:
        base = git(root, "merge-base", "HEAD", git(top, "rev-parse", "HEAD"))
        yield Worktree(root, top, project, branch, base, bool(waiting))
    finally:
        if not waiting_branch(root):
            _remove(root, top)


def waiting_branch(root: Path) -> str:
    """Return the branch of an upgrade that stopped at a conflict or a failed test; empty if there is none."""
    top = root / _FOLDER / "worktree"
    return run(top, "symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip() if (top / ".git").is_file() else ""


def kept_project(root: Path) -> Path:
    """Return the project's folder in the worktree of an upgrade that was kept."""
    return root / _FOLDER / "worktree" / git(root, "rev-parse", "--show-prefix")


def how_to_continue(root: Path, branch: str) -> str:
    """Return the commands that finish a kept upgrade or throw it away, each on its own line."""
    top = root / _FOLDER / "worktree"
    version = branch.removeprefix(BRANCH)
    return (
        "this checkout is unchanged.\n"
        f"  1. fix the files in   {top}\n"
        f"  2. finish:            git -C {top} add --all && slipway upgrade {version}\n"
        f"  or throw it away:     git worktree remove --force {top} && git branch -D {branch}"
    )


def move_branch(tree: Worktree, commit: str) -> None:
    """Fast-forward the user's branch and files to the commit; uncommitted work in other files stays.

    Raises:
        UpgradeError: git refuses, for example because a changed file is not committed; the commit is on a branch.
    """
    git(tree.root, "update-ref", _PENDING, commit)
    reason = first_failure(tree.root, ("merge", "--quiet", "--ff-only", commit))
    tree.release()
    if reason:
        git(tree.root, "branch", tree.branch, commit)
    git(tree.root, "update-ref", "-d", _PENDING)
    if reason:
        raise UpgradeError(
            f"the upgrade is ready, but git cannot take it into this checkout: {reason}; commit or stash your changes, "
            f"then run `git merge {tree.branch}`; the checkout is unchanged"
        )


def clean_up(root: Path) -> None:
    """Complete the move of a process that was killed in it, and remove what a killed or finished upgrade left."""
    commit = run(root, "rev-parse", "--verify", "--quiet", _PENDING).stdout.strip()
    if commit and git(root, "rev-parse", f"{commit}^") == git(root, "rev-parse", "HEAD"):
        _finish_move(root, commit)
    if commit:
        git(root, "update-ref", "-d", _PENDING)
    if not waiting_branch(root):
        _remove(root, root / _FOLDER / "worktree")
    merged = ("--merged=HEAD", "--format=%(refname:short)", f"refs/heads/{BRANCH}*")
    for branch in git(root, "for-each-ref", *merged).splitlines():
        run(root, "branch", "--delete", branch)  # git refuses for that of a kept worktree


def _finish_move(root: Path, commit: str) -> None:
    changed = set(git(root, "diff", "--name-only", "--no-renames", "--no-relative", "HEAD", commit).splitlines())
    with tempfile.TemporaryDirectory(prefix="slipway-upgrade-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        git(root, "read-tree", commit, extra=index)
        left = set(git(root, "diff", "--name-only", "--no-relative", extra=index).splitlines())
    top = Path(git(root, "rev-parse", "--show-toplevel"))
    # Git refuses to replace changed files. Those with their new content are staged, so that it accepts them.
    done = sorted(changed - left)
    first_failure(top, ("add", "--all", "--force", "--", *done), ("merge", "--quiet", "--ff-only", commit))


def _remove(root: Path, top: Path) -> None:
    run(root, "worktree", "remove", "--force", "--force", str(top))
    shutil.rmtree(top, ignore_errors=True)
    run(root, "worktree", "prune")
