"""A project in a git repository, and `slipway` on it, as a person would type them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from slipway.bundle.release_file import bundle_digest
from tests.support.commands import Ended, warmed

IGNORED = ".slipway/\nmlflow.db*\nmlartifacts/\n__pycache__/\n"


def slipway(project: Path, *arguments: str, **variables: str) -> Ended:
    return warmed()(*arguments, "--settings", str(project), **variables)


def git(project: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=project.parent, check=True, capture_output=True)


def commit(project: Path, tag: str) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-qm", f"feat: {tag}")
    git(project, "tag", tag)


def change(file: Path, old: str, new: str) -> None:
    """One edit to a file."""
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
    file.write_text(text.replace(old, new))


def repository(project: Path, tag: str = "v1.0.0") -> Path:
    (project.parent / ".gitignore").write_text(IGNORED)
    git(project, "init", "-q", "-b", "main")
    commit(project, tag)
    return project


def champion(project: Path) -> str:
    return bundle_digest((project.parent / ".slipway/target/current").resolve())


def shipped(project: Path) -> dict[str, object]:
    done = slipway(project, "ship", "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


class WarmSlipway:
    """The `slipway` of a copy, run by a process that has the libraries imported already; see warm.py."""

    def __init__(self, place: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        environment = {**kept, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(Path(__file__).with_name("warm.py"))]
        self._place = place
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def __call__(self, project: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """The exit code, and what was said on stdout and on stderr."""
        assert self._process.stdin and self._process.stdout
        out, err = self._place / "out", self._place / "err"
        folder = str(project.parent)
        command = {
            "folder": folder,
            "arguments": arguments,
            "variables": {"PYTHONPATH": f"{folder}/src", **variables},
            "out": str(out),
            "err": str(err),
        }
        print(json.dumps(command), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        return code, out.read_text(), err.read_text()

    def ship(self, project: Path, **variables: str) -> tuple[int, dict[str, Any], str]:
        code, out, err = self(project, "ship", "--json", **variables)
        return code, json.loads(out) if out else {}, err

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        assert self._process.wait(timeout=60) == 0
