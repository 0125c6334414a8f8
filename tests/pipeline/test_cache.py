"""A step is taken from the cache only as it was: whatever happened to its files in the store, it runs again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fork_server import Ended, slipway
from tests.support.projects import diabetes, files_of, runs, with_store

STEPS = ("ingest", "validate", "split", "train", "evaluate", "package")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = with_store(diabetes(tmp_path_factory.mktemp("diabetes")))
    done = slipway(made, "run")
    assert done.returncode == 0, done.stderr
    return made


def cached(done: Ended) -> dict[str, bool]:
    """Whether each step came from the cache, out of `slipway run --json`."""
    return {step["name"]: step["cached"] for step in done.told["steps"]}


def store_of(project: Path, step: str) -> Path:
    return files_of(runs(project, f"tags.`slipway.step` = '{step}' and attributes.status = 'FINISHED'")[0])


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


DAMAGE: list[tuple[str, str, Callable[[Path], object], str]] = [
    ("train", "model.skops", flipped, "has changed"),
    ("ingest", "data.parquet", cut_short, "has changed"),
    ("split", "holdout.parquet", emptied, "has changed"),
    ("package", "model/model.onnx", Path.unlink, "was removed"),
    ("package", "model/extra.py", Path.touch, "was added"),
    ("evaluate", "scores.json", cut_short, "has changed"),
    ("evaluate", "outputs.json", flipped, "outputs.json has changed"),
    ("validate", "outputs.json", Path.unlink, "is missing"),
    ("train", ".", shutil.rmtree, "cannot be read"),
]


def test_a_store_that_nobody_touched_gives_every_step(project: Path) -> None:
    done = slipway(project, "run", "--json")
    assert cached(done) == dict.fromkeys(STEPS, True)
    assert "running again" not in done.stderr


@pytest.mark.parametrize(("step", "file", "damage", "said"), DAMAGE, ids=lambda v: getattr(v, "__name__", str(v)))
def test_a_step_whose_files_changed_runs_again_and_says_why(
    project: Path, step: str, file: str, damage: Callable[[Path], object], said: str
) -> None:
    damage(store_of(project, step) / file)
    done = slipway(project, "run", "--json")
    assert cached(done) == dict.fromkeys(STEPS, True) | {step: False}
    assert f"{step}: running again, because " in done.stderr
    assert said in done.stderr


def test_a_step_that_was_recorded_without_digests_runs_again(project: Path) -> None:
    from mlflow import MlflowClient

    newest = runs(project, "tags.`slipway.step` = 'train' and attributes.status = 'FINISHED'")[0]
    MlflowClient(f"sqlite:///{project.parent / 'mlflow.db'}").delete_tag(newest.info.run_id, "slipway.outputs")
    done = slipway(project, "run", "--json")
    assert cached(done)["train"] is False


def test_scores_come_from_the_files_that_were_verified_and_not_from_the_database(project: Path) -> None:
    from mlflow import MlflowClient

    before = slipway(project, "run", "--json").told["scores"]
    newest = runs(project, "tags.`slipway.step` = 'evaluate' and attributes.status = 'FINISHED'")[0]
    MlflowClient(f"sqlite:///{project.parent / 'mlflow.db'}").log_metric(newest.info.run_id, "r2", 0.99)
    assert slipway(project, "run", "--json").told["scores"] == before


def test_what_a_component_said_reaches_the_user_from_the_cache_too(tmp_path: Path) -> None:
    project = with_store(diabetes(tmp_path / "p"))
    project.write_text(project.read_text().replace("linear_model.Ridge", "neighbors.KNeighborsRegressor"))
    notice = "package: KNeighborsRegressor has no converter to ONNX as a regressor. So scikit-learn itself will serve"
    first = slipway(project, "run", "--json")
    assert cached(first)["package"] is False
    assert notice in first.stderr
    second = slipway(project, "run", "--json")
    assert cached(second)["package"] is True
    assert notice in second.stderr


def test_nothing_is_left_in_the_temporary_folder_and_a_silent_component_leaves_no_log(tmp_path: Path) -> None:
    project, place = with_store(diabetes(tmp_path / "p")), tmp_path / "temporary"
    place.mkdir()
    assert slipway(project, "run", TMPDIR=str(place)).returncode == 0
    assert {path.name for path in place.iterdir()} <= {".ses"}  # onnxruntime's
    assert list((tmp_path / "p" / "mlartifacts").rglob("*.log")) == []
