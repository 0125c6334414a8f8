"""What keeps a release from being rebuilt is said in one sentence, and nothing is left of the attempt."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from slipway.errors import BusyError
from slipway.storage.locks import exclusive_lock
from tests.support.eventually import eventually
from tests.support.fork_server import PROGRAM, Ended, clean, slipway
from tests.support.git_repositories import git
from tests.support.releases_to_rebuild import Releases

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def refused(done: Ended, code: int, message: str) -> None:
    assert done.returncode == code, done.stderr
    assert message in done.stderr.strip().splitlines()[-1]


def test_a_tag_that_does_not_exist_or_cannot_be_fetched(releases: Releases) -> None:
    shutil.copytree(releases.bundle("v1.0.0"), bundle := releases.project.parent / "bundle")
    git(releases.project, "tag", "-d", "v1.0.0")
    git(Path(git(releases.project, "remote", "get-url", "origin")), "rev-parse", "v1.0.0")
    options = ("reproduce", "v1.0.0", "--bundle", str(bundle))
    git(releases.project, "remote", "set-url", "origin", str(bundle))
    refused(slipway(releases.project, *options), 50, "has no tag v1.0.0, and origin cannot be reached")
    git(releases.project, "remote", "set-url", "origin", str(releases.project))
    refused(slipway(releases.project, *options), 16, "there is no tag v1.0.0 in")
    git(releases.project, "remote", "remove", "origin")
    refused(slipway(releases.project, *options), 16, "has no tag v1.0.0 and no remote origin")
    assert releases.left == []


def test_a_tag_without_a_release_and_the_bundle_of_another_one(releases: Releases) -> None:
    git(releases.project, "tag", "v3.0.0")
    refused(slipway(releases.project, "reproduce", "v3.0.0"), 16, "v3.0.0 has no release: no bundle of it is in")
    other = ("reproduce", "v1.0.0", "--bundle", str(releases.bundle("v1.1.0")))
    refused(slipway(releases.project, *other), 3, "is the bundle of 1.1.0, not of 1.0.0")
    usage = slipway(releases.project, "reproduce", "v1.0.0", "--threads", "1,many")
    assert usage.returncode == 2
    assert "'1,many' is not a list of numbers of threads" in usage.stderr


def test_a_tag_without_a_lock(releases: Releases) -> None:
    git(releases.project, "rm", "-q", "-r", "requirements.lock", "components/requirements.lock")
    git(releases.project, "commit", "-qm", "chore: no lock")
    git(releases.project, "tag", "-f", "v1.0.0")
    refused(releases.reproduce("v1.0.0"), 50, "has no requirements.lock, so its environment is unknown")


def test_a_lock_that_cannot_be_installed(releases: Releases, tmp_path: Path) -> None:
    offline = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "empty")}
    refused(releases.reproduce("v1.0.0", **offline), 50, "the environment cannot be installed: ")
    lock = releases.project / "components" / "requirements.lock"
    changed = re.sub(
        r"(?m)(^click==.*(?:\n +--hash=.*)+)", "click==8.2.1 \\\n    --hash=sha256:" + "0" * 64, lock.read_text()
    )
    assert changed != lock.read_text()
    lock.write_text(changed)
    git(releases.project, "commit", "-qam", "chore: another hash")
    git(releases.project, "tag", "-f", "v1.0.0")
    done = releases.reproduce("v1.0.0")
    refused(done, 50, "the environment cannot be installed: ")
    assert "ash" in done.stderr
    assert releases.left == []


def test_two_at_once(releases: Releases) -> None:
    lock = releases.project / ".slipway" / "reproduce.lock"
    with exclusive_lock(lock, "slipway reproduce", busy_error=BusyError):
        refused(releases.reproduce("v1.0.0"), 13, "another reproduction is running")


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL])
def test_killed_midway_it_leaves_no_process_and_the_next_one_removes_its_folder(
    releases: Releases, kind: signal.Signals
) -> None:
    command = [sys.executable, "-c", PROGRAM, "reproduce", "v1.2.0", "--bundle", str(releases.bundle("v1.2.0"))]
    pipe, environment = subprocess.PIPE, clean(PYTHONPATH=str(Path(__file__).parents[3] / "src"))
    with subprocess.Popen(command, cwd=releases.project, env=environment, stderr=pipe, text=True) as process:
        begun = releases.project / ".slipway" / "reproduce" / "v1.2.0" / "mlflow.db"
        eventually(begun.exists, seconds=120)
        children = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, kind)
        _, said = process.communicate(timeout=120)
    assert children
    psutil.wait_procs(children, timeout=60)
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    if kind == signal.SIGTERM:
        assert process.returncode == 130
        assert "stopped by SIGTERM; the rebuild has ended too" in said
    else:
        assert releases.left != []
        slipway(releases.project, "reproduce", "v9.0.0")
    assert releases.left == []
