"""The git repository that the tests of the fake work on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

DEPLOY = """
name: deploy
on:
  workflow_dispatch:
    inputs:
      dry-run: {type: boolean, default: true}
      via: {type: choice, options: [push, pr], required: true, default: push}
      reason: {type: string, required: true}
      days: {type: number}
  push:
    tags: ["v*"]
"""
FILES = {"deploy.yml": DEPLOY, "ci.yml": "on: pull_request\n", "release.yml": "on: [push, workflow_dispatch]\n"}


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


def make_origin(folder: Path) -> Path:
    """A bare repository with v1.0.0 (annotated), v1.1.0 and v2.0.0 on main, one commit each, and two branches.

    ``topic`` adds a commit to main, ``flows`` one with a new workflow.
    """
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
    git(folder, "clone", "-q", "--bare", "--template=", ".", str(bare))
    subprocess.run(["git", "--git-dir", str(bare), "symbolic-ref", "HEAD", "refs/heads/main"], check=True)
    return bare
