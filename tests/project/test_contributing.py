"""The contributor's kit works: each command of CONTRIBUTING.md, the fast tests, the commit hooks and the forms."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from slipway.tables.data_frame import write_parquet
from tests.support.documents import ROOT, commands
from tests.support.git_repositories import git
from tests.support.made_once import made_once

PAGE = ROOT / "CONTRIBUTING.md"
COMMANDS = [command.text.partition(" # ")[0].strip() for command in commands(PAGE)]
BIN = Path(sys.executable).parent
CHECKED_ELSEWHERE = ("make ", ".venv/bin/slipway ", ".venv/bin/pre-commit install", "data=")
"""tests/test_documents.py checks targets, verbs and options; the tests below install the hooks and set `data`."""


def run(command: str, folder: Path = ROOT, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the page in a shell, with the programs beside this Python."""
    line = command.replace(".venv/bin/", f"{BIN}/")
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder, env=os.environ | environment, input=typed, capture_output=True, text=True, check=False,
    )  # fmt: skip


def chosen(start: str) -> list[str]:
    return [command for command in COMMANDS if command.startswith(start)]


def test_every_command_of_the_page_is_run_or_checked_by_a_test() -> None:
    tested = (".venv/bin/pytest ", ".venv/bin/python -m pdb ", ".venv/bin/act ", ".venv/bin/actionlint")
    assert [command for command in COMMANDS if not command.startswith((*CHECKED_ELSEWHERE, *tested))] == []


COLLECT = """
import contextlib, io, json, shlex, sys
import pytest

told = {}
for line in sys.stdin.read().splitlines():
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = pytest.main([*shlex.split(line)[1:], "--collect-only", "-p", "no:cacheprovider"])
    told[line] = int(code), said.getvalue()
json.dump(told, sys.stdout)
"""
COLLECTING = [line for line in chosen(".venv/bin/pytest ") if "--lf" not in line]


def collect_tests(folder: Path) -> None:
    """What pytest finds for each command, in one process, because what the tests import takes longer than all else."""
    command = [sys.executable, "-c", COLLECT]
    done = subprocess.run(command, cwd=ROOT, input="\n".join(COLLECTING), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "told.json").write_text(done.stdout)


@pytest.mark.parametrize("command", COLLECTING)
def test_a_pytest_command_of_the_page_selects_tests(command: str) -> None:
    code, said = json.loads((made_once("collected", collect_tests) / "told.json").read_text())[command]
    assert code == 0, said
    assert "::test_" in said


@pytest.mark.parametrize("command", [*chosen(".venv/bin/act "), *chosen(".venv/bin/actionlint")])
def test_a_workflow_command_of_the_page_succeeds(command: str) -> None:
    done = run(command)
    assert done.returncode == 0, done.stderr
    assert "--list" not in command or "release.yml" in done.stdout


def test_a_step_runs_in_the_debugger_on_the_files_of_a_run(tmp_path: Path) -> None:
    (command,) = chosen(".venv/bin/python -m pdb ")
    times = pd.date_range("2013-01-01", periods=100, freq="D")
    write_parquet(pd.DataFrame({"time": times, "late": ["late", "on_time"] * 50}), tmp_path / "data.parquet")
    out = command.partition("--out ")[2].split()[0]
    done = run(command.replace(out, str(tmp_path / "split")), data=str(tmp_path / "data.parquet"), typed="q\n")
    assert "(Pdb)" in done.stdout, done.stderr
    assert "finished" in done.stdout
    assert (tmp_path / "split" / "holdout.parquet").is_file()


def fast_paths() -> list[Path]:
    """The files and folders that `make test-fast` runs."""
    done = run("make --no-print-directory --dry-run --old-file=.venv/.locked test-fast")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "pytest" in line]
    return [ROOT / word for word in line.split() if word.startswith("tests/")]


def test_the_fast_tests_are_there_and_cover_every_room_of_the_library() -> None:
    paths = fast_paths()
    assert [path for path in paths if not path.exists()] == []
    rooms = {path.parent.name for path in (ROOT / "src" / "slipway").glob("*/__init__.py")}
    assert rooms - {path.relative_to(ROOT / "tests").parts[0] for path in paths} == set()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the hooks installed, and with what they need of this one."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for key, value in {"user.name": "Ann", "user.email": "ann@example.org", "commit.gpgsign": "false"}.items():
        git(folder, "config", key, value)
    for name in (".pre-commit-config.yaml", "pyproject.toml", "slipway.toml", "contract.json", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(BIN)
    (install,) = chosen(".venv/bin/pre-commit install")
    done = run(install, folder, PRE_COMMIT_HOME=str(tmp_path / "home"))
    assert done.returncode == 0, done.stdout + done.stderr
    git(folder, "add", "--all")
    return folder


def committed(folder: Path, message: str) -> str:
    """What `git commit` prints, and its exit code at the end."""
    done = subprocess.run(
        ["git", "commit", "--message", message],
        cwd=folder, env=os.environ | {"PRE_COMMIT_HOME": str(folder.parent / "home")}, capture_output=True, text=True,
    )  # fmt: skip
    return f"{done.stdout}{done.stderr}\nexit {done.returncode}"


def test_the_hooks_refuse_a_bad_message_bad_code_and_bad_spelling(checkout: Path) -> None:
    refused = committed(checkout, "feta: a cheese")
    assert "did you mean `feat`?" in refused
    assert refused.endswith("exit 1")
    (checkout / "bad.py").write_text('"""Recieve nothing."""\nimport  os\n')
    git(checkout, "add", "bad.py")
    refused = committed(checkout, "feat: a module")
    for part in ("`os` imported but unused", "Recieve ==> Receive", "File would be reformatted"):
        assert part in refused
    (checkout / "bad.py").write_text('"""Receive nothing."""\n')
    git(checkout, "add", "bad.py")
    assert committed(checkout, "feat: a module").endswith("exit 0")


def test_git_s_own_messages_pass_the_hook(checkout: Path) -> None:
    assert committed(checkout, "fixup! feat: a module").endswith("exit 0")


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_an_issue_form_has_what_github_requires(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    if path.stem == "config":
        assert form == {"blank_issues_enabled": True}
        return
    assert {"name", "description", "body"} <= form.keys()
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)


def test_the_dev_container_has_the_python_of_the_lock_and_sets_up_as_the_page_does() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert ":3.11" in container["image"]
    assert container["postCreateCommand"].split(" && ") == COMMANDS[:2]


def test_text_files_are_as_the_editor_configuration_demands() -> None:
    listed = git(ROOT, "ls-files", "-z", "*.py", "*.md", "*.toml", "*.yml", "Makefile").split("\0")
    for name in filter(None, listed):
        text = (ROOT / name).read_bytes()
        assert b"\r" not in text, name
        assert not text or text.endswith(b"\n"), name
        assert not any(line.endswith((b" ", b"\t")) for line in text.split(b"\n")), name
