"""Each command of a job that installs only `.github/requirements.lock` works with nothing else.

The packages that this lock lacks are hidden from the commands, which run on a real checkout and against GitHub's fake.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from fake_github.fake import GitHub

from slipway.bundle.release_file import verify
from slipway.commands.retrain.pin import RetrainRequest
from slipway.commands.retrain.plan import plan
from slipway.commands.retrain.record import RehearsalRecord, file_digests
from slipway.contract.schema import encode_contract
from slipway.drift.detect import DriftRequest, detect
from slipway.drift.reference import read_bundle_reference
from slipway.drift.report import write_report
from slipway.drift.windows import Threshold
from tests.support.drifting_rows import CONTRACT, SETTINGS, bundle_of, days, written
from tests.support.fork_server import PROGRAM
from tests.support.git_repositories import EMPTY_CHANGELOG, git, project, pushed
from tests.support.release_files import key_pair, release_files
from tests.support.smaller_lock import packages, program
from tests.workflows.rules import RELEASE_LOCK, SETUP, lock_of, parsed
from tests.workflows.world import ALL

ROOT = Path(__file__).parents[2]
DAY = "2013-09-20"
EXPECTED = {
    *("slipway release", "slipway promote", "slipway promote --rollback", "slipway resume --github"),
    *("slipway retrain --push", "slipway retrain --propose", "slipway contract check --github"),
    *("slipway ci dispatch", "slipway ci release-plan", "slipway ci sign", "slipway ci release-page"),
    *("slipway ci report-refusal", "slipway ci report-drift", "slipway ci changed-locks", "slipway ci propose-locks"),
}
ELSEWHERE = {"slipway upgrade", "slipway ci rebuild", "slipway ci rebuild-pages"}
"""Tried below, and by test_reproduce.py with the packages of the same lock."""
_COMMAND = re.compile(r"\.venv/bin/(slipway( ci| contract)? [a-z-]+( --(rollback|github|push|propose))?)")
pytestmark = pytest.mark.slow


def small_commands() -> set[str]:
    """What the workflow files run with the small lock, without files, tags and what else differs."""
    return {found[1] for run in _small_runs() if (found := _COMMAND.match(run))}


def _small_runs() -> Iterator[str]:
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        for job in parsed(file.stem, file.read_text()).jobs.values():
            steps = job.get("steps", [])
            if any(step.get("uses") == SETUP and lock_of(step) == RELEASE_LOCK for step in steps):
                yield from (step["run"] for step in steps if step.get("run", "").startswith(".venv/bin/slipway"))


class Scene:
    """A checkout of a repository on the fake, where a job runs one command after another."""

    def __init__(self, folder: Path, github: GitHub, variables: dict[str, str]) -> None:
        self.root, self.ran = folder / "project", set[str]()
        self._environment = {**os.environ, **variables}
        self._program = f"{program(ROOT / RELEASE_LOCK)}\n{PROGRAM}"
        git(folder, "clone", "-q", str(github.repository.bare.path), str(self.root))

    def run(self, command: str, *arguments: str, **variables: str) -> str:
        self.ran.add(command)
        line = [sys.executable, "-c", self._program, *shlex.split(command)[1:], *arguments]
        environment = {**self._environment, **variables}
        done = subprocess.run(line, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def scene(tmp_path: Path, github: GitHub, own_environment: None, monkeypatch: pytest.MonkeyPatch) -> Scene:
    github.repository.actions_may_open_pulls = True
    variables = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": github.full_name, "GH_TOKEN": github.token(**ALL)}
    scene = Scene(tmp_path, github, variables)
    (scene.root / "pyproject.toml").write_text(project())
    (scene.root / "CHANGELOG.md").write_text(EMPTY_CHANGELOG)
    (scene.root / "slipway.toml").write_text(SETTINGS)
    (scene.root / "contract.json").write_bytes(encode_contract(CONTRACT))
    shutil.copytree(ROOT / ".github" / "workflows", scene.root / ".github" / "workflows")
    pushed(scene.root, "feat: a model")
    return scene


def test_the_scene_knows_every_command_of_a_small_environment() -> None:
    assert small_commands() == EXPECTED | ELSEWHERE


def test_the_release_lock_has_no_training_library() -> None:
    assert packages(ROOT / RELEASE_LOCK).isdisjoint({"mlflow", "pandas", "scikit-learn", "pyarrow", "fsspec", "skops"})


def test_what_the_lock_lacks_cannot_be_imported() -> None:
    for name, code in {"pandas": 1, "pydantic": 0}.items():
        line = [sys.executable, "-c", f"{program(ROOT / RELEASE_LOCK)}\nimport {name}"]
        assert subprocess.run(line, capture_output=True, check=False).returncode == code


def test_an_upgrade_is_looked_for_with_the_packages_of_its_lock(churn: Path) -> None:
    (wheel,) = (churn / "vendor").iterdir()
    code = f"{program(ROOT / RELEASE_LOCK)}\n{PROGRAM}"
    command = [sys.executable, "-c", code, "upgrade", "--check", "--json", "--wheel", str(wheel)]
    done = subprocess.run(command, cwd=churn, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["newer"] is False


def test_every_command_works_with_the_packages_of_its_lock(scene: Scene, tmp_path: Path) -> None:
    assert "v1.2.0" in scene.run("slipway release")
    git(scene.root, "pull", "-q", "--ff-only")
    scene.run("slipway ci release-plan", "v1.2.0")
    scene.run("slipway contract check --github")
    scene.run("slipway ci dispatch", "deploy.yml", "--ref", "v1.2.0", "--input", "dry-run=false")
    publish_two(scene, tmp_path)
    roll_back_and_resume(scene)
    retrain(scene)
    report_drift(scene, tmp_path)
    propose_locks(scene)
    assert scene.ran == EXPECTED


def publish_two(scene: Scene, folder: Path) -> None:
    key, _ = key_pair(folder, "release")
    for version in ("1.0.0", "1.0.1"):
        dist, digest = release_files(folder, version)
        scene.run("slipway ci sign", str(dist), "--digest", digest, SLIPWAY_SIGNING_KEY=key)
        scene.run("slipway ci release-page", f"v{version}", "--files", str(dist), "--digest", digest)
        scene.run("slipway promote", f"v{version}")
    dist, _ = release_files(folder, "1.0.2", refused=True)
    scene.run("slipway ci report-refusal", "v1.0.2", "--files", str(dist))


def roll_back_and_resume(scene: Scene) -> None:
    scene.run("slipway promote --rollback", "--reason", "too slow", "v1.0.0")
    scene.run("slipway resume --github", "--reason", "fast again")


def retrain(scene: Scene) -> None:
    for goal, day in (("--propose", "2013-09-21"), ("--push", DAY)):
        planned = plan(scene.root / "slipway.toml", RetrainRequest(through=day), datetime.date.today())
        record = msgspec.json.encode(RehearsalRecord(file_digests(planned), "0" * 64)).decode()
        scene.run(f"slipway retrain {goal}", SLIPWAY_THROUGH=day, SLIPWAY_REHEARSED=record)


def propose_locks(scene: Scene) -> None:
    lock = scene.root / "requirements.lock"
    lock.write_text("click==8.5.1\n")
    pushed(scene.root, "build: a lock")
    lock.write_text("click==8.5.2\n")
    scene.run("slipway ci changed-locks", "locks")
    scene.run("slipway ci propose-locks", "locks")


def report_drift(scene: Scene, folder: Path) -> None:
    reference = read_bundle_reference(verify(bundle_of(folder / "reference", days())))
    rows = written(folder / "rows.parquet", days(14, start="2013-10-01", seed=1, shift=3.0))
    write_report(detect(reference, DriftRequest(str(rows), Threshold(0.01, 0.1))), html=None, folder=folder / "drift")
    scene.run("slipway ci report-drift", str(folder / "drift"))
