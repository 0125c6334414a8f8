"""Thirteen sabotages, each one edit away from a release that ships, each refused by the rule meant for it alone.

A team's repository is a copy of Slipway, so an edit may be in its settings, in its ingest function or in the code of a
component. Every ship is the copy's own `slipway ship`: its code, git, MLflow on SQLite, and a target that serves.
"""

from __future__ import annotations

import compileall
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slipway.gate.rules import list_families
from tests.support.fork_server import Ended, slipway
from tests.support.made_once import made_once
from tests.support.projects import commit, copy_of, edit, parcels, repository, with_store

ROOT = Path(__file__).parents[2]
FAMILIES = list_families()
CODE = ("pipeline", "components", "src")
REGISTRY = (
    *("registered_models", "registered_model_tags", "registered_model_aliases"),
    *("model_versions", "model_version_tags"),
)


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One edit of one file; ``alone`` where it is shown that a first release, without a champion, is refused too."""

    file: str
    old: str
    new: str
    rule: str
    alone: bool = False


RESULTS = "src/slipway/steps/evaluate/metrics_with_intervals.py"
KEPT = "return frame"
SABOTAGES = {
    "a shuffled target": Sabotage(
        "ingest.py",
        KEPT,
        "return frame.assign(arrival=frame.arrival.sample(frac=1, random_state=3).to_numpy())",
        "floor.roc_auc",
        alone=True,
    ),
    "a leaked column": Sabotage(
        "ingest.py", KEPT, 'return frame.assign(label_colour=(frame.arrival == "late") * 1.0)', "ceiling.roc_auc"
    ),
    "a target that turned round in one depot": Sabotage(
        "ingest.py",
        KEPT,
        'other = frame.arrival.map({"late": "on_time", "on_time": "late"})\n'
        '    return frame.assign(arrival=frame.arrival.where(frame.depot != "north", other))',
        "truth.depot.north",
    ),
    "a holdout that is in training too": Sabotage(
        "src/slipway/steps/split.py",
        "train, holdout_rows = frame[~held], frame[held]",
        "train, holdout_rows = frame, frame[held]",
        "holdout.shared",
    ),
    "a holdout of 50 rows": Sabotage(
        "ingest.py",
        KEPT,
        "return frame.drop(frame.index[frame.time >= CLOCK_MENDED][:-50])",
        "holdout.rows",
    ),
    "a metric removed": Sabotage(RESULTS, "in values.items()},", 'in values.items() if name != "brier"},', "scores"),
    "a metric that is NaN": Sabotage(
        RESULTS, "name: MetricInterval(value, ", 'name: MetricInterval(value if name != "brier" else np.nan, ', "scores"
    ),
    "a feed that died when the holdout began": Sabotage(
        "ingest.py",
        KEPT,
        "return frame.assign(label_colour=frame.label_colour.where(frame.time < CLOCK_MENDED))",
        "holdout.nulls.label_colour",
    ),
    "a champion that saw half of the holdout": Sabotage(
        "slipway.toml", "holdout_days = 30", "holdout_days = 45", "comparable"
    ),
    "a slice made worse": Sabotage(
        "ingest.py", 'BROKEN_CLOCK = "south"', 'BROKEN_CLOCK = "north"', "slice.depot.north"
    ),
    "a single tree": Sabotage(
        "slipway.toml",
        "max_iter = 30\nlearning_rate = 0.12",
        "max_iter = 1\nlearning_rate = 1.0",
        "champion.roc_auc",
    ),
    "parcels in time that count elevenfold in training": Sabotage(
        "ingest.py",
        KEPT,
        'more = frame[(frame.time < CLOCK_MENDED) & (frame.arrival == "on_time")]\n'
        "    return pd.concat([frame, *[more] * 10])",
        "calibration",
    ),
    # It answers as before to every category that training saw, so no score moves.
    "a compiled model that takes an unknown depot for the north": Sabotage(
        "src/slipway/steps/package/step.py",
        "    return CompiledModel(fitted, graph, proof)\n",
        '    model = __import__("onnx").load_model_from_string(graph)\n'
        "    attributes = [attribute for node in model.graph.node for attribute in node.attribute]\n"
        '    unknown = next(attribute for attribute in attributes if attribute.name == "default_tensor")\n'
        "    unknown.t.raw_data = bytes(8)\n"
        "    return CompiledModel(fitted, model.SerializeToString(), proof)\n",
        "proof",
    ),
}


def blamed(told: dict[str, Any]) -> list[str]:
    return [rule["rule"] for rule in told["rules"] if not rule["ok"]]


def ship(project: Path, **variables: str) -> Ended:
    """The copy's own `slipway ship`."""
    return slipway(project, "ship", "--json", code=project.parent, **variables)


def switch_off(project: Path, *rules: str) -> None:
    edit(project, "[gate]\n", f"[gate]\noff = {json.dumps(rules)}\n")


def state(project: Path) -> dict[str, Any]:
    """Everything that a refusal must not move: the registry's rows, each byte and link of the target, what is sealed."""
    target = project.parent / ".slipway" / "target"
    with closing(sqlite3.connect(project.parent / "mlflow.db")) as store:
        registry = {table: store.execute(f"SELECT * FROM {table}").fetchall() for table in REGISTRY}  # noqa: S608
    files = {path: path.read_bytes() for path in target.rglob("*") if path.is_file() and path.name != "lock"}
    assert registry["registered_model_aliases"] and (target / "journal.jsonl") in files
    sealed = sorted(path.name for path in (project.parent / ".slipway" / "bundles").glob("*"))
    return {"registry": registry, "current": (target / "current").readlink(), "files": files, "sealed": sealed}


@pytest.fixture(scope="session")
def prepared() -> Path:
    """A copy of the repository whose 1.0.0 serves, with another honest change that is trained but not shipped."""
    return made_once("parcels", lambda folder: prepare(folder / "repository")) / "repository" / "slipway.toml"


def prepare(folder: Path) -> None:
    project = with_store(parcels(folder))
    for folder in CODE:
        shutil.copytree(ROOT / folder, project.parent / folder, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(project.parent / folder, quiet=1)
    shutil.copy(ROOT / "requirements.lock", project.parent)
    repository(project)
    done = ship(project)
    assert done.returncode == 0, done.stderr
    assert done.told["champion"] == "1.0.0"
    edit(project, "learning_rate = 0.1", "learning_rate = 0.12")
    assert slipway(project, "run", code=project.parent).returncode == 0


@pytest.fixture
def project(prepared: Path, tmp_path: Path) -> Path:
    return copy_of(prepared, tmp_path / "repository")


@pytest.mark.parametrize("folder", CODE)
def test_the_code_that_ships_is_the_copys_own(project: Path, folder: str) -> None:
    for module in (project.parent / folder).rglob("*.py"):
        module.write_text("raise SystemExit(77)\n")
    done = slipway(project, "run", code=project.parent)
    assert done.returncode == 77 or "component 'ingest' failed with exit code 77" in done.stderr


def test_the_twin_without_a_sabotage_ships(project: Path) -> None:
    commit(project, "v1.1.0")
    done = ship(project)
    assert done.returncode == 0, done.stderr
    assert (done.told["verdict"], done.told["champion"]) == ("publish", "1.1.0")
    assert not [rule for rule in done.told["rules"] if not rule["judged"]]


@pytest.mark.parametrize("sabotage", SABOTAGES.values(), ids=SABOTAGES)
def test_a_sabotage_is_refused_by_its_rule_alone_moves_nothing_and_ships_with_that_rule_switched_off(
    project: Path, sabotage: Sabotage
) -> None:
    edit(project.parent / sabotage.file, sabotage.old, sabotage.new)
    told = refused(project, sabotage.rule, alone=sabotage.alone)
    found = {rule["rule"]: rule["found"] for rule in told["rules"]}
    assert not sabotage.rule.startswith("slice") or found["champion.roc_auc"] > 0, "the average gains"
    ships_with_it_switched_off(project, sabotage.rule)


def refused(project: Path, rule: str, *, alone: bool) -> dict[str, Any]:
    before = state(project)
    commit(project, "v1.1.0")
    done = ship(project)
    told: dict[str, Any] = done.told
    assert (done.returncode, told.get("verdict"), told.get("champion")) == (9, "refuse", "1.0.0"), done.stderr
    assert blamed(told) == [rule]
    assert "the champion is still 1.0.0" in done.stderr
    if alone:
        empty = project.parent / ".slipway" / "empty"
        done = ship(project, SLIPWAY_TARGET=str(empty))
        assert (done.returncode, blamed(done.told), done.told["champion"]) == (9, [rule], None), done.stderr
        assert "there is still no champion" in done.stderr
        assert not empty.exists()
    assert state(project) == before
    return told


def ships_with_it_switched_off(project: Path, rule: str) -> None:
    switch_off(project, rule)
    commit(project, "v1.1.1")
    done = ship(project)
    told = done.told
    assert (done.returncode, told.get("champion"), done.stderr.count("(cached)")) == (0, "1.1.1", 6), done.stderr
    assert rule in [told_off["rule"] for told_off in told["rules"] if not told_off["judged"]]


def test_a_byte_flipped_in_the_sealed_bundle_is_refused_at_staging_and_nothing_switches_that_off(project: Path) -> None:
    """By design there is no switch: what the gate lets pass is sealed, and only sealed bytes are ever loaded."""
    before = state(project)
    edit(
        project.parent / "src" / "slipway" / "commands" / "ship.py",
        "        return _publish(settings, target, bundle, done, progress)\n",
        "        damaged = bundle.path / 'model.onnx'\n"
        "        damaged.write_bytes(damaged.read_bytes().replace(b'spox', b'spoy', 1))\n"
        "        return _publish(settings, target, bundle, done, progress)\n",
    )
    commit(project, "v1.1.0")
    refused_at_staging(project)
    empty = project.parent / ".slipway" / "empty"
    refused_at_staging(project, SLIPWAY_TARGET=str(empty))
    assert sorted(path.name for path in empty.rglob("*")) == ["lock"]
    assert state(project) == before
    switch_off(project, *FAMILIES)
    commit(project, "v1.1.1")
    refused_at_staging(project)
    assert state(project) == before


def refused_at_staging(project: Path, **variables: str) -> None:
    done = ship(project, **variables)
    assert done.returncode == 10, done.stderr
    assert "\nseal " in done.stderr  # the gate had let it pass
    assert "model.onnx" in done.stderr.splitlines()[-1]
    for bundle in (project.parent / ".slipway" / "bundles").glob("1.1.*"):
        shutil.rmtree(bundle)
