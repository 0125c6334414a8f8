"""The bare git repository behind the fake: its refs, commits and files are real."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

FORMAT = "%H%n%T%n%P%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B"


class Bare:
    """Questions to one bare repository, each a git command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def git(self, *arguments: str) -> str:
        """What git prints; raises CalledProcessError."""
        command = ["git", "--git-dir", str(self.path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def ask(self, *arguments: str) -> str | None:
        """What git prints, or None when git says no."""
        command = ["git", "--git-dir", str(self.path), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    def default_branch(self) -> str:
        return self.git("symbolic-ref", "--short", "HEAD").strip()

    def commit(self, name: str) -> str | None:
        """The commit that a branch, tag, full ref or SHA names."""
        return self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")

    def full_ref(self, name: str) -> str | None:
        """``refs/heads/NAME`` or ``refs/tags/NAME``, whichever exists; a SHA is none."""
        for ref in (name, f"refs/heads/{name}", f"refs/tags/{name}"):
            if ref.startswith("refs/") and self.ask("show-ref", "--verify", ref):
                return ref
        return None

    def refs(self, prefix: str) -> list[tuple[str, str, str]]:
        """(ref, SHA, type of object) of every ref whose name starts so."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname) %(objecttype)").splitlines()
        parts = [line.split(" ") for line in lines if line.startswith(prefix)]
        return [(ref, sha, kind) for ref, sha, kind in parts]

    def file(self, commit: str, path: str) -> str | None:
        return self.ask("show", f"{commit}:{path}")

    def commit_time(self, commit: str) -> datetime:
        return datetime.fromtimestamp(int(self.git("show", "-s", "--format=%ct", commit)), UTC)

    def touches_workflows(self, commit: str) -> bool:
        """Does the commit add or modify a workflow, seen from the default branch?"""
        folder = ".github/workflows"
        return bool(self.ask("diff", "--name-only", "--diff-filter=AM", self.default_branch(), commit, "--", folder))

    def details(self, commit: str) -> list[str]:
        """SHA, tree, parents, author (name, mail, date), committer (the same three), message."""
        return self.git("show", "-s", f"--format={FORMAT}", commit).rstrip("\n").split("\n", 9)

    def create_ref(self, ref: str, sha: str) -> None:
        self.git("update-ref", ref, sha, "0" * 40)

    def count(self, base: str, head: str) -> int:
        """How many commits head has that base has not."""
        return int(self.git("rev-list", "--count", f"{base}..{head}"))
