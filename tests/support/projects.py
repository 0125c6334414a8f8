"""Small real projects: settings, contract, ingest function and pinned data of another team, and what shipping makes."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes, load_wine

from slipway.bundle.release_file import bundle_digest
from slipway.commands.restore import PATH_COLUMNS
from slipway.contract.schema import encode_contract
from slipway.settings.settings import load_settings
from tests.support.fork_server import slipway
from tests.support.git_repositories import git
from tests.support.made_once import made_once

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "tests" / "examples"
IGNORED = ".slipway/\nmlflow.db*\nmlartifacts/\n__pycache__/\n"


def diabetes(folder: Path) -> Path:
    """A regression; returns its slipway.toml."""
    frame = load_diabetes(as_frame=True).frame
    return _project(
        folder, "diabetes", frame, "target", 'task = "regression"', "sklearn.linear_model.Ridge", ["sex"], ""
    )


def wine(folder: Path) -> Path:
    """Three classes; returns its slipway.toml."""
    frame = load_wine(as_frame=True).frame
    frame.columns = [name.replace("/", "_") for name in frame.columns]
    frame["target"] = "class_" + frame["target"].astype(str)
    classes = 'classes = ["class_0", "class_1", "class_2"]'
    estimator = "sklearn.ensemble.RandomForestClassifier"
    return _project(folder, "wine", frame, "target", 'task = "classification"', estimator, [], classes)


def parcels(folder: Path) -> Path:
    """Two classes along a calendar, with depots for slices and a gate that uses every rule; returns its slipway.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(EXAMPLES / "parcels" / "ingest.py", folder)
    _parcels(4_000).to_csv(folder / "parcels.csv", index=False)
    digest = hashlib.sha256((folder / "parcels.csv").read_bytes()).hexdigest()
    text = (EXAMPLES / "parcels" / "slipway.toml").read_text()
    (folder / "slipway.toml").write_text(text.replace("0" * 64, digest))
    return _with_contract(folder / "slipway.toml")


def _parcels(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({"weight": rng.normal(size=count), "distance": rng.normal(size=count)})
    frame["depot"] = rng.choice(["west", "north", "south"], count, p=[0.4, 0.25, 0.35])
    frame["label_colour"], frame["customer"] = rng.normal(size=count), rng.integers(0, 500, count)
    days = np.where(np.arange(count) < count / 2, rng.integers(0, 60, count), rng.integers(60, 90, count))
    frame["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D")
    hidden = frame.weight + np.sin(2 * frame.distance) + (frame.depot == "west") + rng.normal(size=count) / 2
    frame["arrival"] = np.where(hidden > 0.4, "late", "on_time")
    return frame.sort_values("time", kind="stable")


def _project(folder, name, frame, target, task, estimator, long, classes) -> Path:  # type: ignore[no-untyped-def]
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / f"{name}.csv", index=False)
    digest = hashlib.sha256((folder / f"{name}.csv").read_bytes()).hexdigest()
    source = (EXAMPLES / "diabetes" / "ingest.py").read_text().replace("diabetes", name)
    (folder / "ingest.py").write_text(source)
    features = "\n".join(f"{json.dumps(column)} = 'double'" for column in frame.columns if column != target)
    (folder / "slipway.toml").write_text(
        f'name = "{name}"\n{task}\n[data]\nfunction = "ingest.py:features"\ntarget = "{target}"\n{classes}\n'
        f'[data.sources.{name}]\nuri = "{name}.csv"\nsha256 = "{digest}"\n[features]\n{features}\n'
        f'[split]\nholdout_share = 0.3\n[train]\nestimator = "{estimator}"\n[gate]\nminimum_holdout_rows = 20\n'
    )
    return _with_contract(folder / "slipway.toml")


def _with_contract(project: Path) -> Path:
    project.with_name("contract.json").write_bytes(encode_contract(load_settings(project).contract))
    return project


def with_store(project: Path) -> Path:
    """The project with an MLflow store that holds nothing yet; returns its slipway.toml."""
    copy_store(project.parent)
    return project


def copy_store(folder: Path) -> Path:
    """An MLflow store in a folder, as the first command there would make it; MLflow itself needs seconds for it."""
    return Path(shutil.copy(made_once("store", _make_store) / "mlflow.db", folder))


def _make_store(folder: Path) -> None:
    from mlflow import MlflowClient

    MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").search_experiments()


def shipped_diabetes(folder: Path) -> Path:
    """A copy of the repository with the regression whose release 1.0.0 is live; returns its slipway.toml."""
    made = made_once("diabetes", lambda place: shipped(repository(with_store(diabetes(place / "project")))))
    return copy_of(made / "project" / "slipway.toml", folder)


def copy_of(project: Path, folder: Path) -> Path:
    """The same project elsewhere, with its store, target and cache; nothing in the copy points to the original."""
    shutil.copytree(project.parent, folder, symlinks=True)
    move_store(folder / "mlflow.db", str(project.parent), str(folder))
    return folder / project.name


def move_store(database: Path, before: str, now_at: str) -> None:
    """Let MLflow's absolute paths lead to where its files are now."""
    with closing(sqlite3.connect(database)) as store, store:
        for table, column in PATH_COLUMNS:
            moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608  # names of our own
            store.execute(moved, (before, now_at))


def copy_of_programs(folder: Path) -> Path:
    """A copy of this repository's programs, to be edited."""
    for name in ("pipeline", "components", "src"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for link in (folder / "src/slipway/template").rglob("*"):
        if link.is_symlink() and not link.exists():
            file = link.resolve().relative_to(folder.resolve())
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, folder / file)
    return folder


def edit(file: Path, old: str, new: str) -> None:
    """Replace what stands there exactly once."""
    text = file.read_text()
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new))


def commit(project: Path, tag: str) -> None:
    git(project.parent, "add", "-A")
    git(project.parent, "commit", "-qm", f"feat: {tag}")
    git(project.parent, "tag", tag)


def repository(project: Path, tag: str = "v1.0.0") -> Path:
    (project.parent / ".gitignore").write_text(IGNORED)
    git(project.parent, "init", "-q", "-b", "main")
    commit(project, tag)
    return project


def champion(project: Path) -> str:
    return bundle_digest((project.parent / ".slipway/target/current").resolve())


def shipped(project: Path) -> dict[str, object]:
    done = slipway(project, "ship", "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = done.told
    return told


def runs(project: Path, where: str = "") -> list[Any]:
    """The MLflow runs of a project's store, newest first."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.parent / 'mlflow.db'}")
    return list(client.search_runs([e.experiment_id for e in client.search_experiments()], where))


def files_of(run: Any) -> Path:
    """Where the store has a run's files."""
    return Path(run.info.artifact_uri.removeprefix("file://"))
