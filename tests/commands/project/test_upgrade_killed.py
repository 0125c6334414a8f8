"""An upgrade that is killed leaves the checkout as before or after it, and the next one removes what is left.

A sample of the moments is tried here; ``SLIPWAY_UPGRADE_KILLS=1000 pytest tests/commands/project/test_upgrade_killed.py``
tries them all.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from tests.commands.project.test_upgrade import leftovers
from tests.support.git_repositories import git
from tests.support.later_versions import upgrade

pytestmark = pytest.mark.slow

MOMENTS = int(os.environ.get("SLIPWAY_UPGRADE_KILLS", "6"))
CODE = """
import atexit, os, signal, sys
changes, fatal, project = 0, int(os.environ.get("FATAL", "0")), os.getcwd()
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.truncate", "shutil.rmtree"}

def count(event, arguments):
    global changes
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event == "subprocess.Popen" or ((writes or event in CHANGES) and str(arguments[0]).startswith(project)):
        changes += 1
        if changes == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
atexit.register(lambda: print("changes", changes, file=sys.stderr))
"""


@pytest.fixture(scope="module")
def changes(churn: Path, wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many changes of the disk and programs one upgrade makes."""
    project = Path(shutil.copytree(churn, tmp_path_factory.mktemp("whole") / "churn", symlinks=True))
    done = upgrade(project, wheels["1.1.0"], code=CODE)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.rpartition("changes ")[2])


@pytest.mark.parametrize("number", range(MOMENTS))
def test_the_checkout_is_as_before_or_after_and_the_next_command_finishes(
    project: Path, wheels: dict[str, Path], changes: int, number: int
) -> None:
    moments = random.Random(16).sample(range(1, changes + 1), changes)  # noqa: S311
    if number >= len(moments):
        pytest.skip("every moment was tried")
    before = git(project, "rev-parse", "HEAD")
    killed = upgrade(project, wheels["1.1.0"], code=CODE, FATAL=str(moments[number]))
    assert killed.returncode == -signal.SIGKILL
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "rev-list", "--count", f"{before}..HEAD") in ("0", "1")
    done = upgrade(project, wheels["1.1.0"])
    assert done.returncode == 0 or "this project uses slipway-ml 1.1.0, and 1.1.0 is not newer" in done.stderr
    assert git(project, "log", "--format=%s", f"{before}..HEAD") == "build: upgrade to slipway-ml 1.1.0"
    assert (leftovers(project), git(project, "status", "--porcelain")) == ([], "")


def test_a_merge_that_was_killed_half_way_is_completed(project: Path, wheels: dict[str, Path]) -> None:
    """Git writes the files one after the other, and the index and the branch at the end."""
    before = git(project, "rev-parse", "HEAD")
    assert upgrade(project, wheels["1.2.0"]).returncode == 0
    after = git(project, "rev-parse", "HEAD")
    changed = git(project, "diff", "--name-only", "--no-renames", before, after).splitlines()
    git(project, "reset", "-q", "--hard", before)
    for path in changed[::2]:
        content = git(project, "ls-tree", after, path)
        (project / path).unlink(missing_ok=True)
        if content:
            git(project, "restore", f"--source={after}", "--worktree", "--", path)
    git(project, "update-ref", "refs/slipway/upgrade", after)
    done = upgrade(project, wheels["1.2.0"])
    assert "1.2.0 is not newer" in done.stderr, done.stderr
    assert git(project, "rev-parse", "HEAD") == after
    assert (leftovers(project), git(project, "status", "--porcelain")) == ([], "")
