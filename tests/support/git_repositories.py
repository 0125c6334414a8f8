"""Real repositories for releases: the real settings of python-semantic-release, a bare remote, and a clone of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import tomlkit

from slipway.pipeline.project_files import TEMPLATE

ROOT = Path(__file__).parents[2]
WHO = ("-c", "user.name=t", "-c", "user.email=t@example.org")
EMPTY_CHANGELOG = (TEMPLATE / "CHANGELOG.md.jinja").read_text()


def git(root: Path, *arguments: str, stdin: bytes = b"") -> str:
    """What git says, to somebody; it fails the test when git does."""
    done = subprocess.run(["git", "-C", str(root), *WHO, *arguments], check=True, capture_output=True, input=stdin)
    return done.stdout.decode(errors="replace").strip()


def commit(root: Path, message: str | bytes, *, file: str = "") -> str:
    """Commit a change under this very message; returns the commit's name."""
    (root / (file or "work.txt")).write_text(str(uuid4()))
    git(root, "add", "-A")
    text = message if isinstance(message, bytes) else message.encode()
    git(root, "commit", "-q", "--cleanup=verbatim", "-F", "-", stdin=text)
    return git(root, "rev-parse", "HEAD")


def template(folder: Path, first: str = "Initial commit") -> Path:
    """A repository of one commit, as "Use this template" makes it, pushed to the bare ``remote.git`` beside it."""
    root, remote = folder / "project", folder / "remote.git"
    root.mkdir(parents=True)
    (root / "pyproject.toml").write_text(project())
    (root / "CHANGELOG.md").write_text(EMPTY_CHANGELOG)
    git(folder, "init", "-q", "--bare", "-b", "main", str(remote))
    git(root, "init", "-q", "-b", "main")
    git(root, "remote", "add", "origin", str(remote))
    commit(root, first)
    git(root, "push", "-q", "-u", "origin", "main")
    return root


def project(version: str = "0.0.0") -> str:
    """The real project file at this version, whatever became of it here."""
    document: Any = tomlkit.parse((ROOT / "pyproject.toml").read_text())
    document["project"]["version"] = version
    return tomlkit.dumps(document)


def released(folder: Path, tag: str = "v1.0.0") -> Path:
    """The same with one release, without the cost of making it."""
    root = template(folder)
    tagged(root, tag, "feat: the first thing")
    return root


def tagged(root: Path, tag: str, message: str) -> None:
    """A commit with a release tag on it, both pushed."""
    commit(root, message)
    git(root, "tag", "-a", tag, "-m", tag)
    git(root, "push", "-q", "origin", "HEAD", tag)


def pushed(root: Path, *messages: str | bytes) -> str:
    """Commits, pushed; returns the last one."""
    for message in messages:
        commit(root, message)
    git(root, "push", "-q", "origin", "HEAD")
    return git(root, "rev-parse", "HEAD")


def clone(root: Path, folder: Path, *options: str) -> Path:
    """Another clone of the same remote."""
    git(root, "clone", "-q", *options, f"file://{root.parent / 'remote.git'}", str(folder))
    return folder


def refs(root: Path) -> dict[str, str]:
    """Every branch and tag of the remote."""
    listed = git(root.parent / "remote.git", "for-each-ref", "--format=%(refname:short) %(objectname)")
    return dict(line.split() for line in listed.splitlines())


def hook(root: Path, script: str) -> None:
    """An ``update`` hook on the remote: ``$1`` is the reference that a push would change."""
    path = root.parent / "remote.git" / "hooks" / "update"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def environment(home: Path) -> dict[str, str]:
    """An identity of our own, and nothing of the machine's git settings or of a workflow or `make` that runs these tests."""
    others = ("GIT", "GH_", "SLIPWAY", "MLFLOW", "MAKE", "MFLAGS", "ARGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    who = {
        f"GIT_{role}_{what}": f"{role}@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return {**kept, **who, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
