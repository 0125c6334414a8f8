"""One way into each kind of error, through the real command line, and what the user then reads.

``python -m tests.cli.error_scenarios`` writes ``error_messages.txt`` anew after a message has changed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from slipway import errors
from slipway.__about__ import installed_version
from slipway.errors import ERRORS, SlipwayError, error_for
from slipway.storage.locks import exclusive_lock
from tests.support.fork_server import PROGRAM, Ended, slipway
from tests.support.git_repositories import clone, git, project, released
from tests.support.git_repositories import commit as commit_file
from tests.support.later_versions import tiny_wheel
from tests.support.orders_project import data, function, orders, put, setting, unpinned
from tests.support.project_states import UNREACHABLE
from tests.support.projects import commit, diabetes, edit, repository, shipped_diabetes, with_store
from tests.support.releases_to_rebuild import with_lock

MESSAGES = Path(__file__).with_name("error_messages.txt")
Scenario = Callable[[Path], Ended]


def run_orders(*edits: Callable[[Path], None], **environment: str) -> Scenario:
    """`slipway run` in a small project after some edits."""

    def scenario(folder: Path) -> Ended:
        settings = with_store(orders(folder / "orders"))
        for change in edits:
            change(settings)
        return slipway(settings, "run", **environment)

    return scenario


def in_shipped(
    *arguments: str, prepare: Callable[[Path], object] = lambda settings: None, **environment: str
) -> Scenario:
    """A command in a project whose release 1.0.0 is live."""

    def scenario(folder: Path) -> Ended:
        settings = shipped_diabetes(folder / "project")
        prepare(settings)
        return slipway(settings, *arguments, **environment)

    return scenario


def in_repository(*arguments: str, prepare: Callable[[Path], object] = lambda root: None) -> Scenario:
    """A command in a repository with the release v1.0.0 and a remote."""

    def scenario(folder: Path) -> Ended:
        root = released(folder)
        prepare(root)
        return slipway(root, *arguments)

    return scenario


def let_an_exception_expire(root: Path) -> None:
    (root / ".github").mkdir()
    line = 'GHSA-aaaa-bbbb-cccc = { until = 2020-01-31, reason = "there was no fix yet" }'
    (root / ".github" / "audit-exceptions.toml").write_text(f"{line}\n")


def without_extras(folder: Path) -> Ended:
    """`slipway commits` where the packages of the extra `release` are missing."""
    code = f"import sys; sys.modules['semantic_release'] = None; {PROGRAM}"
    done = subprocess.run([sys.executable, "-c", code, "commits"], cwd=folder, capture_output=True, text=True)
    return Ended(done.returncode, done.stdout, done.stderr)


def ship_again(settings: Path) -> None:
    """Make 1.1.0 the champion."""
    edit(settings, "[train]", "[train.parameters]\nalpha = 0.9\n[train]")
    commit(settings, "v1.1.0")
    assert slipway(settings, "ship").returncode == 0


def roll_back(settings: Path) -> None:
    """Go back from 1.1.0 to 1.0.0, and commit what would be 1.2.0."""
    ship_again(settings)
    assert slipway(settings, "rollback", "--reason", "bad").returncode == 0
    edit(settings, "alpha = 0.9", "alpha = 0.8")
    commit(settings, "v1.2.0")


def damage_champion(settings: Path) -> None:
    """Flip a byte of the release that is live, and lose the sealed bundle that could replace it."""
    model = settings.parent / ".slipway/target/current/model.onnx"
    model.chmod(0o644)
    model.write_bytes(model.read_bytes()[:-1] + b"\0")
    for bundle in (settings.parent / ".slipway/bundles").iterdir():
        (bundle / "model.onnx").chmod(0o644)
        (bundle / "model.onnx").unlink()


def damage_older(settings: Path) -> None:
    """Make 1.1.0 live, and lose the model of 1.0.0."""
    ship_again(settings)
    for folder in ("target/releases", "bundles"):
        for release in (settings.parent / ".slipway" / folder).glob("1.0.0*"):
            (release / "model.onnx").chmod(0o644)
            (release / "model.onnx").unlink()


def shift_rows(settings: Path) -> None:
    """Write rows that are far from those that trained the model."""
    rows = pd.read_csv(settings.parent / "diabetes.csv")
    (rows + 5).to_csv(settings.parent / "shifted.csv", index=False)


def repeat_row(settings: Path) -> None:
    """Write the same row many times, so all predictions are one number."""
    rows = pd.read_csv(settings.parent / "diabetes.csv")
    pd.concat([rows.head(1)] * 200).to_csv(settings.parent / "constant.csv", index=False)


def trust_a_key(settings: Path) -> None:
    """Trust one signer only."""
    with settings.open("a") as file:
        file.write('[trust]\nidentity = "https://github.com/o/r/.github/workflows/deploy.yml@refs/tags/v1.0.0"\n')
        file.write('issuer = "https://token.actions.githubusercontent.com"\n')


def leave_uncommitted(settings: Path) -> None:
    """Change the settings without a commit."""
    settings.with_name("pyproject.toml").write_text(project())
    commit(settings, "v1.1.0")
    settings.write_text(settings.read_text() + "# later\n")


def occupy_folder(root: Path) -> None:
    """Let there be a file where a new project is to be made; the folder above is the repository's."""
    (root / "churn").mkdir()
    (root / "churn" / "notes.txt").write_text("mine")


def lose_race(root: Path) -> None:
    """Let somebody push to main while the release is being made."""
    commit_file(root, "fix: one")
    git(root, "push", "-q", "origin", "main")
    other = clone(root, root.parent / "other")
    commit_file(other, "feat: two")
    hook = root / ".git" / "hooks" / "pre-push"
    hook.write_text(f"#!/bin/sh\nenv -u GIT_DIR git -C {other} push -q origin main\n")
    hook.chmod(0o755)


def while_busy(folder: Path) -> Ended:
    """Another command has the target's lock."""
    settings = shipped_diabetes(folder / "project")
    lock = settings.parent / ".slipway/target/lock"
    with exclusive_lock(lock, "slipway rollback", busy_error=errors.BusyError):
        return slipway(settings, "rollback", "--reason", "bad")


def make_old(settings: Path) -> None:
    """Make the project one of an earlier version of the library."""
    root = settings.parent
    (root / ".slipway-template.yml").write_text("name: diabetes\ndescription: d\nslipway_version: 0.9.0\n")
    (root / "vendor").mkdir()
    tiny_wheel(root / "vendor" / "slipway_ml-0.9.0-py3-none-any.whl", "0.9.0", "all: old\n")
    (root / "Makefile").write_text("all: mine\n")
    (root / "pyproject.toml").write_text(project())
    git(root, "add", "-A")
    git(root, "commit", "-qm", "chore: mine")


def conflict(settings: Path) -> None:
    """Change the line that the new version changes too."""
    make_old(settings)
    tiny_wheel(settings.with_name("new.whl"), installed_version(), "all: new\n")


def pin_another_version(settings: Path) -> None:
    """Pin a version that is not the one that runs."""
    settings.with_name("requirements.lock").touch()
    settings.with_name("pyproject.toml").write_text('dependencies = ["slipway-ml==0.9.0"]\n')


def move_tag(folder: Path) -> Ended:
    """Rebuild a release after its tag was moved to other settings."""
    settings = repository(with_lock(with_store(diabetes(folder / "project"))))
    assert slipway(settings, "ship").returncode == 0
    edit(settings, "[train]", "[train.parameters]\nalpha = 0.9\n[train]")
    git(settings.parent, "commit", "-qam", "fix: another penalty")
    git(settings.parent, "tag", "-f", "v1.0.0")
    return slipway(settings, "reproduce", "v1.0.0")


def remove_input(settings: Path) -> None:
    """Change the model's interface in a commit that does not say so."""
    text = settings.read_text()
    settings.write_text("".join(line for line in text.splitlines(keepends=True) if not line.startswith('"s6"')))
    assert slipway(settings, "contract", "write").returncode == 0
    commit(settings, "v1.0.1")


SCENARIOS: dict[type[SlipwayError], Scenario] = {
    errors.SettingsError: run_orders(setting("[gate]\n", "[gate]\nminimun = 3\n")),
    errors.DataError: run_orders(unpinned(Path.unlink)),
    errors.DataChangedError: run_orders(unpinned(lambda file: file.write_bytes(file.read_bytes() + b"\n"))),
    errors.ContractError: run_orders(lambda settings: edit(settings.parent / "contract.json", "amount", "price")),
    errors.ValidationError: run_orders(data(put("returned", 7, None))),
    errors.ComponentError: run_orders(
        function('return read(files["orders"])', 'raise RuntimeError("the feed is down")')
    ),
    errors.GateRefused: in_shipped("ship", prepare=lambda settings: refuse(settings)),
    errors.BundleError: in_shipped("verify", ".slipway/target/current", prepare=damage_champion),
    errors.RolloutError: in_shipped("status", prepare=lambda settings: garble_journal(settings)),
    errors.HeldError: in_shipped("ship", prepare=roll_back),
    errors.BusyError: while_busy,
    errors.StorageError: in_shipped("batch", "diabetes.csv", "ingest.py/scores.parquet"),
    errors.RegistrySyncError: in_shipped("rollback", "--reason", "bad", prepare=ship_again, **UNREACHABLE),
    errors.NotFoundError: in_shipped("verify", "nowhere"),
    errors.VersionError: lambda folder: slipway(diabetes(folder / "project"), "ship"),
    errors.TrackingError: run_orders(**UNREACHABLE),
    errors.InconsistentStateError: in_shipped("doctor", prepare=damage_older, **UNREACHABLE),
    errors.SuspiciousPredictionsError: in_shipped(
        "batch", "--on-anomaly", "fail", "constant.csv", "out", prepare=repeat_row
    ),
    errors.DriftError: in_shipped("drift", "shifted.csv", prepare=shift_rows),
    errors.SparkError: in_shipped("batch", "--engine", "spark", "diabetes.csv", "out"),
    errors.MissingExtraError: without_extras,
    errors.GitHubError: in_shipped(
        "promote", "v1.0.0", "--repository", "o/r", GITHUB_API_URL="http://127.0.0.1:9", GH_TOKEN="t"
    ),
    errors.SignatureError: in_shipped("ship", prepare=trust_a_key),
    errors.VulnerabilityError: in_repository("ci", "audit", prepare=let_an_exception_expire),
    errors.CommitsError: in_repository("commits", "--title", "update the model"),
    errors.CompatibilityError: in_shipped("contract", "check", prepare=remove_input),
    errors.ReleaseError: in_repository("release", prepare=lambda root: (root / "work.txt").write_text("changed")),
    errors.BranchMovedError: in_repository("release", prepare=lose_race),
    errors.InitError: in_repository("new", "churn", "--yes", prepare=occupy_folder),
    errors.RetrainError: in_shipped("retrain", "--source", "diabetes=diabetes.csv", prepare=leave_uncommitted),
    errors.UpgradeError: in_shipped("upgrade", "--wheel", "diabetes.csv", prepare=make_old),
    errors.UpgradeConflict: in_shipped("upgrade", "--wheel", "new.whl", prepare=conflict),
    errors.WrongVersionError: in_shipped("status", prepare=pin_another_version),
    errors.ReproductionError: move_tag,
    errors.RebuildError: in_shipped("reproduce", "v1.0.0"),
    errors.ComponentsLockError: run_orders(
        setting("[gate]\n", '[components]\nrepository = "../components"\nversion = "v1.0.0"\n\n[gate]\n')
    ),
    errors.StoppedError: run_orders(
        function(
            'return read(files["orders"])',
            f"import os\n    os.kill(os.getppid(), {signal.SIGTERM.value})\n    __import__('time').sleep(60)",
        )
    ),
}


def refuse(settings: Path) -> None:
    """Ask for more than the model can reach."""
    edit(settings, "minimum_holdout_rows = 20\n", "minimum_holdout_rows = 20\n[gate.minimum]\nr2 = 0.99\n")
    commit(settings, "v1.1.0")


def garble_journal(settings: Path) -> None:
    """Put a line that is not JSON among those of the journal."""
    journal = settings.parent / ".slipway/target/journal.jsonl"
    journal.write_text("{\n" + journal.read_text())


def message_of(ended: Ended, folder: Path) -> str:
    """The exit code, the error's class and the message on stderr on one line, without what differs from run to run."""
    error = error_for(ended.returncode)
    message = ended.stderr[ended.stderr.rfind("\nslipway: ") + 1 :].strip().replace("\n", " | ")
    text = message.replace(str(folder), "FOLDER").replace(sys.executable, "PYTHON")
    text = re.sub(r"(?<![.\w])[0-9a-f]{12,64}\b", "DIGEST", text)
    text = re.sub(r"(API request to \S+ failed).*", r"\1 ...", text)
    text = re.sub(r"\b(?=[a-f]*\d)[0-9a-f]{7}\b", "COMMIT", text)
    text = re.sub(r"\d+\.\d{6,}", "NUMBER", text)
    text = re.sub(r"because \S+ rolled back", "because USER rolled back", text)
    text = re.sub(r"process \d+", "process PID", text)
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
    return f"{ended.returncode} {error.__name__ if error else '?'}: {text}"


def main() -> None:
    """Write every message down."""
    lines = []
    for error in ERRORS:
        with tempfile.TemporaryDirectory(prefix="slipway-error-") as folder:
            lines.append(message_of(SCENARIOS[error](Path(folder)), Path(folder)))
            print(lines[-1], file=sys.stderr)
    MESSAGES.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    main()
