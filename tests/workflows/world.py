"""A whole world: GitHub's fake on a bare repository, a team that pushes to it, and a host that serves."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fake_github.fake import GitHub

from tests.support.fork_server import PROGRAM
from tests.support.release_files import key_pair
from tests.workflows.act import HOST, ROOT, Machine, Run, git
from tests.workflows.team import commit, make_team

ALL = {"contents": "write", "deployments": "write", "issues": "write", "actions": "write", "pull-requests": "write"}
QUICK_TESTS = "-n 0 --noconftest -k a_component_imports tests/test_structure.py"
CHECKS = "ruff mypy lint-imports codespell actionlint zizmor"
"""The programs of `make check`, which take most of a run of release.yml."""


class World:
    """What a test does to it reads as what people do; what it asks reads as what they see."""

    def __init__(self, folder: Path, github: GitHub, team: Path, *, private: bool) -> None:
        self.folder, self.github, self.team = folder, github, team
        self.target = folder / "host" / "target"
        (folder / "home").mkdir()
        (folder / "host").mkdir()
        if (ROOT / ".mypy_cache").is_dir():
            shutil.copytree(ROOT / ".mypy_cache", folder / "home" / "mypy")
        private_key, self.public_key = key_pair(folder, "release")
        variables = {"SLIPWAY_RUNNER": HOST, "SLIPWAY_TARGET": str(self.target)} if private else {}
        self.machine = Machine(
            bare=github.repository.bare.path,
            repository=github.full_name,
            api_url=github.url,
            token=github.token(**ALL),
            home=folder / "home",
            private=private,
            variables=variables,
            secrets={"SLIPWAY_SIGNING_KEY": private_key},
            environment={"ARGS": QUICK_TESTS},
        )

    def pull(self) -> None:
        """The team fetches the release commit, as one must after a release."""
        git(self.team, "pull", "--quiet", "--rebase", "origin", "main")

    def push(self, message: str) -> Run:
        """Commit what changed, push it to main, and let release.yml run for it."""
        before = self.head("main")
        commit(self.team, message)
        return self._run_release("push", "refs/heads/main", more={"before": before})

    def pull_request(self, title: str) -> Run:
        """Commit what changed to the branch at hand under that title, and let ci.yml judge it as a pull request."""
        git(self.team, "commit", "--all", "--quiet", "--allow-empty", "--message", title)
        git(self.team, "push", "--quiet", "--force", "origin", "HEAD:refs/pull/1/merge")
        base = git(self.team, "rev-parse", "origin/main")
        about = {"number": 1, "title": title, "base": {"sha": base, "ref": "main"}}
        more = {"pull_request": about}
        return self.machine.run("ci.yml", "pull_request", "refs/pull/1/merge", more=more, only=("-j", "compatibility"))

    def deploy(self, tag: str | None = None) -> Run:
        """Run deploy.yml for the dispatch that GitHub received, or (with a tag) again by hand."""
        if tag is None:
            started = self.github.next_dispatch(timeout=1)
            assert started.workflow.endswith("deploy.yml")
            tag, inputs = started.ref, started.inputs
        else:
            inputs = {"dry-run": "false"}
        ref = tag if tag.startswith("refs/") else f"refs/tags/{tag}"
        return self.machine.run("deploy.yml", "workflow_dispatch", ref, inputs=inputs)

    def release(self) -> Run:
        """Run release.yml for the dispatch that GitHub received."""
        started = self.github.next_dispatch(timeout=1)
        assert started.workflow.endswith("release.yml")
        return self._run_release("workflow_dispatch", started.ref, inputs=started.inputs)

    def _run_release(self, event: str, ref: str, **about: Any) -> Run:
        """Run release.yml. What `make check` starts runs for the first commit only: the later ones change no code."""
        run = self.machine.run("release.yml", event, ref, **about)
        passed = {"PASSED": CHECKS} if run.jobs.get("check") == "success" else {}
        self.machine = replace(self.machine, environment=self.machine.environment | passed)
        return run

    def dispatched(self, workflow: str, **inputs: str) -> Run:
        """A person runs a workflow on main."""
        return self.machine.run(workflow, "workflow_dispatch", "refs/heads/main", actor="bob", inputs=inputs)

    def scheduled(self, workflow: str, **variables: str) -> Run:
        """The hour of a workflow comes, in a repository with these variables too."""
        machine = replace(self.machine, variables={**self.machine.variables, **variables})
        return machine.run(workflow, "schedule", "refs/heads/main")

    def head(self, ref: str) -> str:
        line = subprocess.run(
            ["git", "--git-dir", str(self.machine.bare), "rev-parse", "--verify", "--quiet", ref],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return line.stdout.strip()

    def tags(self) -> list[str]:
        command = ["git", "--git-dir", str(self.machine.bare), "tag", "--sort=version:refname"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    def file(self, ref: str, name: str) -> str:
        command = ["git", "--git-dir", str(self.machine.bare), "show", f"{ref}:{name}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def page(self, tag: str) -> Any:
        return next((r for r in self.github.repository.releases if r.tag_name == tag and not r.draft), None)

    def asset(self, tag: str, ending: str) -> bytes:
        return next(asset.content for asset in self.page(tag).assets if asset.name.endswith(ending))

    def latest(self) -> str | None:
        address = f"{self.github.url}/repos/{self.github.full_name}/releases/latest"
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {self.machine.token}"})
        with urllib.request.urlopen(request) as answer:
            return str(json.load(answer)["tag_name"])

    def slipway(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command on the serving host, which has a clone of the repository and the target."""
        environment = {"SLIPWAY_TARGET": str(self.target), "GITHUB_API_URL": self.github.url}
        environment |= {"GITHUB_REPOSITORY": self.github.full_name, "GH_TOKEN": self.machine.token}
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=self.team, env={**host_environment(), **environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def batch(self) -> tuple[set[str], list[float]]:
        """The release that batch stamps on its rows, and the probabilities."""
        rows, out = self.folder / "rows.parquet", self.folder / "scored.parquet"
        golden = json.loads((self.target / "current" / "golden.json").read_text())
        pd.DataFrame(golden["inputs"]).to_parquet(rows)
        out.unlink(missing_ok=True)
        done = self.slipway("batch", str(rows), str(out))
        assert done.returncode == 0, done.stderr
        scored = pd.read_parquet(out)
        return set(scored["release"]), [
            float(p) for p in scored[scored.columns[scored.columns.str.startswith("probability_")][-1]]
        ]


def host_environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "GITHUB_", "SLIPWAY_"))
    }


@contextmanager
def new_world(folder: Path, *, private: bool, sample: bool = True) -> Iterator[World]:
    """A team that has just used the template: one commit, no tag, no release."""
    with world_of(folder, "octo/flights", make_team(folder, "octo/flights", sample=sample), private=private) as world:
        yield world


@contextmanager
def world_of(folder: Path, repository: str, team: Path, *, private: bool) -> Iterator[World]:
    """The world of a team whose repository was just pushed."""
    with GitHub(folder / "remote" / repository, repository, private=private, immutable_releases=True) as github:
        yield World(folder, github, team, private=private)
        assert github.unknown == []


@contextmanager
def server(world: World) -> Iterator[int]:
    """A real server that follows the host's target, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment = {**host_environment(), "SLIPWAY_TARGET": str(world.target)}
    line = ["-c", PROGRAM, "serve", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, *line], cwd=world.team, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        assert "serving" in process.stderr.readline()
        yield port
    finally:
        process.terminate()
        process.wait()


def answered(port: int, rows: dict[str, Any]) -> tuple[str, list[float]]:
    """The release that a server answers with, and its probabilities of the last class."""
    body = json.dumps({"inputs": rows}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        predictions = json.load(answer)["predictions"]
        return answer.headers["x-model-version"], [row[-1] for row in predictions]


def history(world: World) -> list[tuple[str, str, str]]:
    told = json.loads(world.slipway("history", "--json").stdout)
    return [(row["action"], row["to"], row["outcome"]) for row in told]


def serves(world: World, port: int, version: str) -> None:
    """Batch and real time answer as this release, with the same probabilities."""
    names, scored = world.batch()
    rows = json.loads((world.target / "current" / "golden.json").read_text())["inputs"]
    name, live = answered(port, rows)
    assert (names, name) == ({version}, version)
    assert live == pytest.approx(scored, rel=1e-9)
