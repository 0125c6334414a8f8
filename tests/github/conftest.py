"""A real bare repository for each test, and fakes on it whose answers are held against GitHub's schemas."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.github.clients import Client
from tests.github.fake import GitHub
from tests.github.shapes import misshapen

DEPLOY = """
name: deploy
on:
  workflow_dispatch:
    inputs:
      dry-run: {type: boolean, default: true}
      via: {type: choice, options: [push, pr], default: push}
      reason: {type: string, required: true}
      days: {type: number}
  push:
    tags: ["v*"]
"""
FILES = {"deploy.yml": DEPLOY, "ci.yml": "on: pull_request\n", "release.yml": "on: [push, workflow_dispatch]\n"}
Make = Callable[..., GitHub]


def git(folder: Path, *arguments: str, day: str = "2026-01-01") -> str:
    """Git as a person of its own, on that day."""
    who = {
        f"GIT_{role}_{part}": f"{role.lower()}@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    when = {f"GIT_{role}_DATE": f"{day}T12:00:00+00:00" for role in ("AUTHOR", "COMMITTER")}
    command = ["git", "-C", str(folder), "-c", "tag.gpgsign=false", "-c", "commit.gpgsign=false", *arguments]
    environment = {**os.environ, **who, **when}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


def commit(folder: Path, day: str, *tags: str, **files: str) -> None:
    """One commit with those workflow files, and those tags on it."""
    for name, text in files.items():
        (folder / ".github" / "workflows" / name.replace("_", ".")).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--allow-empty", "-m", f"feat: of {day}", day=day)
    for tag in tags:
        git(folder, "tag", tag, day=day)


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """main with v1.0.0 (annotated), v1.1.0, v2.0.0, one commit each; branch topic adds a commit, flows a workflow."""
    folder = tmp_path_factory.mktemp("origin") / "work"
    (folder / ".github" / "workflows").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    for name, text in FILES.items():
        (folder / ".github" / "workflows" / name).write_text(text)
    commit(folder, "2026-01-01")
    git(folder, "tag", "-a", "v1.0.0", "-m", "one")
    commit(folder, "2026-02-01", "v1.1.0")
    commit(folder, "2026-03-01", "v2.0.0")
    git(folder, "switch", "-q", "-c", "topic")
    commit(folder, "2026-04-01")
    git(folder, "switch", "-q", "-c", "flows", "main")
    commit(folder, "2026-04-02", new_yml="on: push\n")
    bare = folder.with_name("bare.git")
    git(folder, "clone", "-q", "--bare", ".", str(bare))
    subprocess.run(["git", "--git-dir", str(bare), "symbolic-ref", "HEAD", "refs/heads/main"], check=True)
    return bare


@pytest.fixture
def bare(origin: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(origin, tmp_path / "bare.git"))


@pytest.fixture
def make(bare: Path) -> Iterator[Make]:
    """Start fakes with the settings given; at the end each must have answered in GitHub's shapes."""
    started: list[GitHub] = []
    with ExitStack() as running:

        def start(**settings: Any) -> GitHub:
            started.append(running.enter_context(GitHub(bare, **settings)))
            return started[-1]

        yield start
    assert [fault for github in started for fault in misshapen(github)] == []


@pytest.fixture
def github(make: Make) -> GitHub:
    """A public repository with mutable releases."""
    return make()


@pytest.fixture
def writer(github: GitHub) -> Client:
    """GITHUB_TOKEN with ``contents: write``."""
    return Client(github, github.token(contents="write"))


@pytest.fixture
def reader(github: GitHub) -> Client:
    """GITHUB_TOKEN with ``contents: read``."""
    return Client(github, github.token(contents="read"))
