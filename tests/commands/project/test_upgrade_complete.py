"""An upgrade as a person runs it: the old version hands over, uv resolves and installs, and the project's tests run."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.release_file import FORMAT
from slipway.errors import BundleError
from tests.support.fork_server import slipway
from tests.support.git_repositories import environment, git
from tests.support.later_versions import WORKFLOW, edit

pytestmark = pytest.mark.slow


def call(project: Path, *command: str, **extra: str) -> subprocess.CompletedProcess[str]:
    kept = environment(project.parent) | {"HOME": os.environ["HOME"]} | extra
    return subprocess.run(command, cwd=project, env=kept, capture_output=True, text=True, check=False)


def succeed(project: Path, *command: str, **extra: str) -> str:
    done = call(project, *command, **extra)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def batch(project: Path) -> Any:
    return json.loads(succeed(project, ".venv/bin/slipway", "status", "--json"))["targets"][0]["batch"]


@pytest.mark.timeout(1800)
def test_the_old_version_hands_over_and_the_champion_is_the_same_after_it(
    project: Path, wheels: dict[str, Path]
) -> None:
    edit(project, WORKFLOW, "description: Train and gate, publish nothing", "description: Only look")
    edit(project, "slipway.toml", "max_iter = 60", "max_iter = 30")
    succeed(project, "make", "ship")
    champion = batch(project)
    index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels["1.1.0"].parent)}

    missing = call(project, ".venv/bin/slipway", "upgrade", "9.9.9", **index)
    assert missing.returncode == 46
    assert "slipway-ml==9.9.9 cannot be downloaded" in missing.stderr
    check = json.loads(succeed(project, ".venv/bin/slipway", "upgrade", "--check", "--json", **index))
    assert (check["available"], check["newer"]) == ("1.2.0", True)
    assert WORKFLOW in check["files"]

    told = json.loads(succeed(project, ".venv/bin/slipway", "upgrade", "1.1.0", "--json", **index))
    assert (told["version"], told["commit"]) == ("1.1.0", git(project, "rev-parse", "HEAD"))
    assert git(project, "status", "--porcelain") == ""
    refused = call(project, ".venv/bin/slipway", "status")
    assert refused.returncode == 48
    assert re.search(r"pins slipway-ml 1\.1\.0, but this is 1\.0\.0\S*; .*`make setup` installs", refused.stderr)

    succeed(project, "make", "setup")
    assert "1.1.0" in succeed(project, ".venv/bin/slipway", "--version")
    assert batch(project) == champion
    assert "of 1.1.0" in (project / WORKFLOW).read_text()
    findings = json.loads(succeed(project, ".venv/bin/slipway", "doctor", "--json"))
    assert [(issue["kind"], WORKFLOW in issue["what"]) for issue in findings] == [("edited", True)]
    the_new_version_writes_a_newer_format_and_still_serves_the_older(project, champion)


def the_new_version_writes_a_newer_format_and_still_serves_the_older(project: Path, champion: Any) -> None:
    succeed(project, "make", "ship")
    newer = (project / ".slipway" / "target" / "current").resolve()
    assert json.loads((newer / "release.json").read_text())["format"] == FORMAT + 1
    refused = slipway(project.parent, "verify", str(newer))
    assert refused.returncode == BundleError.exit_code
    assert f"has bundle format {FORMAT + 1}, but this version of Slipway reads format {FORMAT}" in refused.stderr
    assert "upgrade Slipway on this host first" in refused.stderr
    succeed(project, ".venv/bin/slipway", "rollback", "--reason", "back to the older format")
    assert batch(project) == champion
