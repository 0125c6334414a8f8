"""Upgrade a project to the running version of the library: merge, migrate, resolve, test, and one commit."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from slipway.commands.project.new import link_locks, resolve_locks, run_make
from slipway.commands.project.template_values import read_values
from slipway.commands.project.upgrade.merge import NO_HOOKS, list_unmerged, merge_templates
from slipway.commands.project.upgrade.migrations import migrations_between
from slipway.commands.project.upgrade.wheel import LibraryWheel, find_wheel, read_news
from slipway.commands.project.upgrade.worktree import (
    Worktree,
    clean_up,
    move_branch,
    open_worktree,
    upgrade_lock,
)
from slipway.errors import InitError, UpgradeConflict, UpgradeError
from slipway.reporting.progress import SILENT, Progress
from slipway.reporting.sanitize import one_line
from slipway.versioning.git.checkout import checkout_at
from slipway.versioning.git.command import git, last_line
from slipway.versioning.library_wheel import VENDOR

_UNLISTED = (".lock", ".whl")


@dataclass(frozen=True)
class Upgraded:
    """The two versions, the files that changed, what was done in words, and the commit or the pull request."""

    before: str
    version: str
    files: list[str]
    news: list[str]
    notes: list[str]
    commit: str
    proposal: str = ""

    @property
    def message(self) -> str:
        """The message of the commit."""
        paragraphs = [f"build: upgrade to slipway-ml {self.version}", f"From {self.before}."]
        paragraphs += [_as_list("New in the library:", self.news)] if self.news else []
        paragraphs += [_as_list("In your project:", self.notes)]
        paragraphs += [_as_list("Files, where your own changes are kept:", self.files)]
        return "\n\n".join(paragraphs)

    @property
    def summary(self) -> str:
        """The result for people."""
        body = self.message.partition("\n\n")[2]
        after = (
            f"proposed: {self.proposal}" if self.proposal else "`make setup` installs it; `git revert HEAD` undoes it"
        )
        return f"{body}\n\nupgraded to slipway-ml {self.version} in {self.commit[:7]}; {after}"


def upgrade(
    root: Path, wheel: LibraryWheel, *, tests: bool = True, propose: bool = False, progress: Progress = SILENT
) -> Upgraded:
    """Upgrade the project at ``root`` to the version of the wheel, which must be the one that runs.

    Everything is made in a temporary worktree; the user's branch moves at the end, or with ``propose`` a pull request is
    opened instead. A conflict or a failed test leaves the worktree for the user, and the same command continues there.

    Raises:
        UpgradeConflict: the user's changes and the template's touch the same lines.
        UpgradeError: the dependencies cannot be resolved, the project's tests fail, or the branch cannot be moved.
        BusyError: another upgrade is running.
    """
    with upgrade_lock(root):
        clean_up(root)
        before = read_values(root).slipway_version
        with open_worktree(root, wheel.version) as tree:
            notes = [] if tree.resumed else _merge(tree, wheel, before)
            notes += [migration.sentence for migration in migrations_between(before, wheel.version)]
            _stop_at_conflicts(tree)
            _resolve(tree, progress)
            if tests:
                _test(tree, progress)
            done = _commit(tree, Upgraded(before, wheel.version, [], read_news(wheel, before), notes, ""))
            if propose:
                return _propose(tree, done)
            move_branch(tree, done.commit)
            return done


def _merge(tree: Worktree, wheel: LibraryWheel, before: str) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="slipway-upgrade-") as folder:
        old = find_wheel(tree.project, before, Path(folder))
        notes = merge_templates(tree.project, read_values(tree.project), old, wheel)
    for migration in migrations_between(before, wheel.version):
        migration.migrate(tree.project, wheel)
    return notes


def _stop_at_conflicts(tree: Worktree) -> None:
    if unmerged := list_unmerged(tree.top):
        raise UpgradeConflict(
            f"your changes and those of the new version conflict in {', '.join(unmerged)}; {tree.keep()}"
        )


def _resolve(tree: Worktree, progress: Progress) -> None:
    try:
        with progress.step_timer("resolving the dependencies"):
            resolve_locks(tree.project)
    except InitError as error:
        raise UpgradeError(f"{error}; the checkout is unchanged") from None
    link_locks(tree.project)


def _test(tree: Worktree, progress: Progress) -> None:
    with progress.step_timer("running the project's tests"):
        done = run_make(tree.project, "test")
    if done.returncode:
        raise UpgradeError(
            f"the project's tests fail with the new version: {last_line(done.stdout or done.stderr)}; run `make test` in "
            f"the worktree to see why; {tree.keep()}"
        )


def _commit(tree: Worktree, done: Upgraded) -> Upgraded:
    git(tree.top, "reset", "--soft", tree.base)  # one commit, even if the user committed a solved conflict
    git(tree.project, "add", "--all")
    if (tree.project / VENDOR).is_dir():
        git(tree.project, "add", "--all", "--force", "--", VENDOR)
    changed = git(tree.top, "diff", "--cached", "--name-only", "--no-renames", "HEAD").splitlines()
    done = replace(done, files=[path for path in changed if not path.endswith(_UNLISTED)])
    git(tree.top, *NO_HOOKS, "commit", "--quiet", "--allow-empty", "--message", done.message)
    return replace(done, commit=git(tree.top, "rev-parse", "HEAD"))


def _propose(tree: Worktree, done: Upgraded) -> Upgraded:
    from slipway.commands.retrain.commit import push_branch
    from slipway.github.client import connect
    from slipway.github.issues import open_pull_request

    checkout = checkout_at(tree.root)
    path = git(tree.root, "rev-parse", "--show-prefix") + "pyproject.toml"
    push_branch(checkout, done.commit, tree.branch, path, what="version of slipway-ml")
    title, _, body = done.message.partition("\n\n")
    tree.release()
    address = open_pull_request(connect(), tree.branch, base=checkout.branch, title=title, body=body)
    return replace(done, proposal=address)


def _as_list(title: str, lines: list[str]) -> str:
    # Each on one line behind a blank, so that no line is read as another commit's message or as a footer.
    return "\n".join([title, *(f"  - {one_line(line, 500)}" for line in lines)])
