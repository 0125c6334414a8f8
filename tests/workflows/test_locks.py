"""locks.yml on its real workflow file: newer packages become one pull request that is tested, and an audit is red.

The packages are empty wheels in a folder, each of the name and version of one that is really locked.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from fake_github.fake import GitHub

from slipway.commands.locks.propose import BRANCH, TITLE
from tests.support.smaller_lock import packages
from tests.support.vulnerability_service import Service, serve, vulnerability
from tests.workflows.act import ROOT, Machine, Run
from tests.workflows.rules import RELEASE_LOCK
from tests.workflows.team import bare_copy, commit
from tests.workflows.world import ALL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
LOCKED = dict(
    re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^\s;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
)


def make_wheel(folder: Path, name: str, version: str) -> None:
    folder.mkdir(exist_ok=True)
    base = f"{name.replace('-', '_').replace('.', '_')}-{version}"
    with zipfile.ZipFile(folder / f"{base}-py3-none-any.whl", "w") as wheel:
        about = f"{base}.dist-info"
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


@pytest.fixture
def service() -> Iterator[Service]:
    with serve() as service:
        yield service


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    """A project of this tree, locked from the folder of wheels."""
    clone = bare_copy(tmp_path, "octo/flights")
    (clone / "src" / "library.mk").unlink()
    for name, version in LOCKED.items():
        make_wheel(tmp_path / "wheels", name, version)
    lock(clone, tmp_path / "wheels")
    commit(clone, "Initial commit")
    with GitHub(tmp_path / "remote" / "octo" / "flights") as github:
        github.repository.actions_may_open_pulls = True
        yield github
        assert github.unknown == []


def lock(clone: Path, wheels: Path) -> None:
    """`make lock` for groups that name each package."""
    document: Any = tomlkit.parse((clone / "pyproject.toml").read_text())
    groups = {"dev": sorted(packages(ROOT / "requirements.lock")), "release": sorted(packages(ROOT / RELEASE_LOCK))}
    groups |= {name: ["click"] for name in ("training", "serving", "spark")}
    document["dependency-groups"], document["project"]["dependencies"] = groups, []
    (clone / "pyproject.toml").write_text(tomlkit.dumps(document))
    for path in clone.rglob("requirements*.lock"):
        if not path.is_symlink():
            path.write_text("")
    (clone / ".uv" / "bin").mkdir(parents=True)
    (clone / ".uv" / "bin" / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    environment = {**os.environ, **offline(wheels)}
    done = subprocess.run(["make", "lock"], cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(clone / ".uv")


def offline(wheels: Path) -> dict[str, str]:
    return {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}


@pytest.fixture
def machine(github: GitHub, service: Service, tmp_path: Path) -> Machine:
    (tmp_path / "home").mkdir()
    environment = {**service.environment, **offline(tmp_path / "wheels")}
    return Machine(
        bare=github.repository.bare.path,
        repository=github.full_name,
        api_url=github.url,
        token=github.token(**ALL),
        home=tmp_path / "home",
        environment=environment,
    )


def scheduled(machine: Machine) -> Run:
    on = replace(machine, variables={"SLIPWAY_SCHEDULES": "on"})
    return on.run("locks.yml", "schedule", "refs/heads/main")


def test_newer_versions_become_one_pull_request_that_is_tested_and_a_vulnerability_is_red(
    machine: Machine, github: GitHub, service: Service, tmp_path: Path
) -> None:
    assert machine.run("locks.yml", "schedule", "refs/heads/main").jobs == {}
    run = scheduled(machine)
    assert run.jobs == {"audit": "success", "resolve": "success"}, run.why
    assert "The locks have the newest versions." in run.log

    make_wheel(tmp_path / "wheels", "click", "99.0")
    service.known[("click", LOCKED["click"])] = [vulnerability("click", "GHSA-aaaa-bbbb-cccc", fixed="99.0")]
    main = github.repository.bare.commit("refs/heads/main")
    run = scheduled(machine)
    assert run.jobs == dict.fromkeys(("resolve", "propose", "check"), "success") | {"audit": "failure"}, run.why
    assert f"vulnerable: click {LOCKED['click']}: GHSA-aaaa-bbbb-cccc, fixed in 99.0" in run.log
    (pull,) = github.repository.issues
    assert (pull.title, pull.head, pull.base) == (TITLE, BRANCH, "main")
    assert pull.body.startswith(f"- click: {LOCKED['click']} -> 99.0\n\nFiles: ")
    assert github.repository.bare.commit("refs/heads/main") == main
    started = github.next_dispatch(timeout=1)
    assert (started.workflow, started.ref) == (".github/workflows/ci.yml", f"refs/heads/{BRANCH}")

    make_wheel(tmp_path / "wheels", "numpy", "99.1")
    assert scheduled(machine).jobs["check"] == "success"
    (pull,) = github.repository.issues
    assert pull.body.splitlines()[:2] == [f"- click: {LOCKED['click']} -> 99.0", f"- numpy: {LOCKED['numpy']} -> 99.1"]
