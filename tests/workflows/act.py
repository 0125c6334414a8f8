"""Runs the real workflow files with ``act`` on this machine: GitHub is the fake, its git server a bare repository."""

from __future__ import annotations

import atexit
import functools
import json
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STANDINS = Path(__file__).with_name("standins")
ACT = Path(sys.executable).with_name("act")
RUNNER = "ubuntu-24.04"
HOST = "serving-host"


@dataclass(frozen=True)
class Run:
    """How a workflow run ended: ``jobs`` by id (a matrix job is a failure where any of it is), and what was printed.

    ``artifacts`` is a folder with a folder for each artifact.
    """

    workflow: str
    jobs: dict[str, str]
    log: str
    artifacts: Path

    @property
    def why(self) -> str:
        """What went wrong, for a failed assertion."""
        failed = [job for job, result in self.jobs.items() if result != "success"]
        said = [line for line in self.log.splitlines() if line.startswith(tuple(f"[{job}]" for job in failed))]
        return "\n".join([f"{self.workflow}: {self.jobs}", *said[-60:]])

    @property
    def green(self) -> bool:
        """Whether every job that ran succeeded, and at least one ran."""
        return bool(self.jobs) and set(self.jobs.values()) == {"success"}


@dataclass(frozen=True)
class Machine:
    """What every run shares: where git pushes to, GitHub's address, secrets, variables and more environment."""

    bare: Path
    repository: str
    api_url: str
    token: str
    home: Path
    private: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def run(
        self,
        workflow: str,
        event: str,
        ref: str,
        *,
        actor: str = "octocat",
        inputs: Mapping[str, Any] | None = None,
        more: Mapping[str, Any] | None = None,
        only: tuple[str, ...] = (),
    ) -> Run:
        """Run the workflow file as it stands at ``ref``, in a clone of its own, for an event.

        Args:
            inputs: those of a dispatch.
            more: further keys of the event.
            only: further arguments of act, such as ``-j compatibility``.
        """
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self.home))
        clone = folder / "clone"
        subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(self.bare), clone], check=True)
        git(clone, "sparse-checkout", "set", ".github")  # all that act reads; each job checks out the rest
        git(clone, "fetch", "--quiet", "origin", ref)
        git(clone, "checkout", "--quiet", "--detach", "FETCH_HEAD")
        payload = self._event(clone, ref, inputs, more)
        (folder / "event.json").write_text(json.dumps(payload))
        (folder / "artifacts").mkdir()
        done = subprocess.run(
            self._command(workflow, event, actor, folder, only),
            cwd=clone, env=self._environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        artifacts = (folder / "artifacts").rename(self.home / f"artifacts-of-{folder.name}")
        shutil.rmtree(folder, ignore_errors=True)
        return _read(workflow, done.stdout + done.stderr, artifacts)

    def _event(
        self, clone: Path, ref: str, inputs: Mapping[str, Any] | None, more: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        commit = git(clone, "rev-parse", "HEAD")
        owner, _, name = self.repository.partition("/")
        about = {"full_name": self.repository, "name": name, "owner": {"login": owner}, "default_branch": "main"}
        payload: dict[str, Any] = {"ref": ref, "after": commit, "repository": {**about, "private": self.private}}
        if inputs is not None:
            payload["inputs"] = dict(inputs)
        return {**payload, **(more or {})}

    def _command(self, workflow: str, event: str, actor: str, folder: Path, only: tuple[str, ...]) -> list[str]:
        command = [
            str(ACT), event, "-W", f".github/workflows/{workflow}", "-e", str(folder / "event.json"), "-a", actor,
            "-P", f"{RUNNER}=-self-hosted", "-P", f"{HOST}=-self-hosted", "--json", "--no-cache-server",
            "--no-skip-checkout", "--action-cache-path", str(folder / "act"), *only,
        ]  # fmt: skip
        for pinned, name in pins().items():
            command += ["--local-repository", f"{pinned}={STANDINS / name}"]
        for key in ("GITHUB_TOKEN", *self.secrets):
            command += ["-s", key]
        for key, value in self.variables.items():
            command += ["--var", f"{key}={value}"]
        for key, value in self._job_environment(folder).items():
            command += ["--env", f"{key}={value}"]
        return command

    def _job_environment(self, folder: Path) -> dict[str, str]:
        shared = {"MYPY_CACHE_DIR": str(self.home / "mypy"), "RUFF_CACHE_DIR": str(self.home / "ruff")}
        return {
            "GITHUB_API_URL": self.api_url,
            "GITHUB_REPOSITORY": self.repository,
            "STANDINS": str(STANDINS),
            "TEST_PYTHON": sys.executable,
            "ARTIFACTS": str(folder / "artifacts"),
            "BYTE_CODE": str(byte_code()),
            "PYTHONDONTWRITEBYTECODE": "1",
            **shared,
            **self.environment,
        }

    def _environment(self) -> dict[str, str]:
        """Nothing of the host but its paths; git finds the bare repository where GitHub would be."""
        plain = {"HOME": str(self.home), "PATH": os.environ["PATH"], "GITHUB_TOKEN": self.token, **self.secrets}
        (self.home / ".gitconfig").write_text(
            f'[url "{self.bare.parents[1].as_uri()}/"]\n\tinsteadOf = https://github.com/\n'
            "[user]\n\tname = slipway\n\temail = slipway@example.org\n[advice]\n\tdetachedHead = false\n"
        )
        return plain


@functools.cache
def byte_code() -> Path:
    """The library's byte code in its folders. A hash says which source it is of, so a changed file is compiled again."""
    folder = Path(tempfile.mkdtemp(prefix="byte-code-"))
    atexit.register(shutil.rmtree, folder)
    for source in (ROOT / "src" / "slipway").rglob("*.py"):
        compiled = cache_from_source(str(folder / source.relative_to(ROOT)))
        py_compile.compile(str(source), compiled, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    return folder


def pins() -> dict[str, str]:
    """Every action that the workflow files and our own actions use, as ``owner/name@commit``, with the stand-in's folder."""
    found: dict[str, str] = {}
    for file in (*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob(".github/actions/*/action.yml")):
        for line in file.read_text().splitlines():
            used = line.partition("uses: ")[2].split(" ")[0]
            if "@" in used:
                found[used] = used.split("@")[0].split("/")[1]
    return found


def git(folder: Path, *arguments: str) -> str:
    """Git's answer."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def _read(workflow: str, printed: str, artifacts: Path) -> Run:
    jobs: dict[str, str] = {}
    lines: list[str] = []
    for line in printed.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            lines.append(line)
            continue
        job, result = said.get("jobID"), said.get("jobResult")
        if job and result:
            jobs[job] = result if jobs.get(job, "success") == "success" else jobs[job]
        lines.append(f"[{job or '-'}] {said.get('msg', '').rstrip()}")
    return Run(workflow, jobs, "\n".join(lines), artifacts)
