"""Merge what changed between two templates into a project: copier renders both, and git merges."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from slipway.commands.project.render import is_made_once, render
from slipway.commands.project.template_values import TemplateValues
from slipway.commands.project.upgrade.wheel import LibraryWheel, unpack_template
from slipway.errors import UpgradeError
from slipway.versioning.git.command import git, last_line, run

NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
# A file that a user adds to a folder stays there when the template renames the folder.
_MERGE = (
    *NO_HOOKS,
    "-c",
    "merge.conflictStyle=zdiff3",
    "-c",
    "merge.renames=true",
    "-c",
    "merge.directoryRenames=false",
)
_WHO = {f"GIT_{role}_{what}": "slipway" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def render_managed(values: TemplateValues, wheel: LibraryWheel, into: Path) -> None:
    """Write the files that a version of the library manages in a project, without those that are made once."""
    with tempfile.TemporaryDirectory(prefix="slipway-template-") as folder:
        render(replace(values, slipway_version=wheel.version), into, template=unpack_template(wheel, Path(folder)))
    for path in [path for path in into.rglob("*") if path.is_file()]:
        if is_made_once(path.relative_to(into).as_posix()):
            path.unlink()


def list_differences(values: TemplateValues, old: LibraryWheel, new: LibraryWheel) -> list[str]:
    """Return the managed files that differ between two versions."""
    with tempfile.TemporaryDirectory(prefix="slipway-upgrade-") as folder:
        found = []
        for name, wheel in (("old", old), ("new", new)):
            side = Path(folder, name)
            render_managed(values, wheel, side)
            found.append({p.relative_to(side).as_posix(): p.read_bytes() for p in side.rglob("*") if p.is_file()})
    before, after = found
    return sorted(path for path in before | after if before.get(path) != after.get(path))


def merge_templates(worktree: Path, values: TemplateValues, old: LibraryWheel, new: LibraryWheel) -> list[str]:
    """Merge the changes from ``old`` to ``new`` into the project at ``worktree``, and stage them.

    Conflicts stay in the files and the index, as git leaves them. A file that only one side deleted is decided for the
    user's side: an edited file stays, a deleted one stays deleted.

    Returns:
        A sentence for each file that was decided so.

    Raises:
        UpgradeError: git could not merge at all.
    """
    base = _commit(worktree, values, old)
    picked = run(worktree, *_MERGE, "cherry-pick", "--no-commit", _commit(worktree, values, new, "-p", base))
    if picked.returncode and not list_unmerged(worktree):
        raise UpgradeError(f"git cannot merge the template: {last_line(picked.stderr)}; nothing was changed")
    return _settle_deletions(worktree)


def list_unmerged(worktree: Path) -> list[str]:
    """Return the files with conflicts."""
    return sorted(set(git(worktree, "diff", "--name-only", "--diff-filter=U").splitlines()))


def _commit(worktree: Path, values: TemplateValues, wheel: LibraryWheel, *parent: str) -> str:
    """Store a rendered template as a commit that no branch has."""
    prefix = git(worktree, "rev-parse", "--show-prefix")
    with tempfile.TemporaryDirectory(prefix="slipway-upgrade-") as folder:
        files, index = Path(folder, "files"), {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        render_managed(values, wheel, files / prefix)
        git(worktree, f"--work-tree={files}", "add", "--all", "--force", ":/", extra=index)
        tree = git(worktree, "write-tree", extra=index)
    return git(worktree, "commit-tree", tree, *parent, "-m", f"template of {wheel.version}", extra=_WHO)


def _settle_deletions(worktree: Path) -> list[str]:
    notes = []
    top = Path(git(worktree, "rev-parse", "--show-toplevel"))
    for entry in git(top, "status", "--porcelain", "-z", "--untracked-files=no").split("\0"):
        state, path = entry[:2], entry[3:]
        if state == "UD":
            git(top, "add", "--", path)
            notes.append(f"{path} is no longer in the template; yours stays, because you changed it")
        elif state == "DU":
            git(top, "rm", "--quiet", "--", path)
            notes.append(f"{path} changed in the template; it stays deleted, because you deleted it")
    return notes
