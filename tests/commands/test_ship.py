"""`slipway ship` to the end on small real data: real git, MLflow on SQLite, a real target."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from slipway.storage.digests import file_digest
from tests.support.fork_server import slipway
from tests.support.projects import (
    champion,
    commit,
    diabetes,
    edit,
    parcels,
    repository,
    shipped,
    shipped_diabetes,
    wine,
    with_store,
)
from tests.support.release_files import key_pair


def status(project: Path) -> tuple[str | None, str | None, str | None]:
    told = slipway(project, "status", "--json").told
    place = told["targets"][0]
    return told["registry"]["release"], place["batch"]["release"], place["realtime"]["release"]


def test_ship_twice_then_roll_back_then_resume(tmp_path: Path) -> None:
    project = repository(diabetes(tmp_path / "p"))
    assert shipped(project)["release"] == "1.0.0"
    assert status(project) == ("1.0.0", "1.0.0", "1.0.0")
    first, row = champion(project), slipway(project, "predict", "--json").told

    edit(project, "[train]", "[train.parameters]\nalpha = 0.9\n[train]")
    commit(project, "v1.1.0")
    assert shipped(project)["champion"] == "1.1.0"
    assert champion(project) != first

    assert slipway(project, "rollback", "--reason", "too slow").returncode == 0
    assert status(project) == ("1.0.0", "1.0.0", "1.0.0")
    assert champion(project) == first
    assert slipway(project, "predict", "--json").told == row

    edit(project, "alpha = 0.9", "alpha = 0.8")
    commit(project, "v1.1.1")
    held = slipway(project, "ship")
    assert held.returncode == 12
    assert "too slow" in held.stderr
    assert slipway(project, "resume", "--reason", "mended").returncode == 0
    assert shipped(project)["champion"] == "1.1.1"
    moves = slipway(project, "history", "--json").told
    assert [(m["action"], m["from"], m["to"], m["outcome"]) for m in moves] == [
        ("rollout", None, "1.0.0", "proved"),
        ("rollout", "1.0.0", "1.1.0", "proved"),
        ("rollback", "1.1.0", "1.0.0", "proved"),
        ("resume", "1.0.0", "1.0.0", "done"),
        ("rollout", "1.0.0", "1.1.1", "proved"),
    ]


def test_overridden_settings_at_a_clean_tag_are_a_pre_release_that_names_them(tmp_path: Path) -> None:
    project = repository(with_store(diabetes(tmp_path / "p")))
    done = slipway(project, "ship", "--json", "--set", "train.alpha=1.5")
    assert done.returncode == 0, done.stderr
    release = done.told["release"]
    assert release.startswith("1.0.1-dev.0+g")
    assert release.endswith(".dirty")
    warning = f"warning: {release} is not a release that can be reproduced: it includes --set train.alpha=1.5"
    assert warning in done.stderr.splitlines()
    sealed = json.loads((project.parent / ".slipway/target/current/release.json").read_text())
    assert (sealed["version"], sealed["overrides"]) == (release, ["train.alpha=1.5"])
    edit(project, "[gate]", "[target]\nallow_prerelease = false\n[gate]")
    commit(project, "v1.1.0")
    refused = slipway(project, "ship", "--set", "train.alpha=1.2")
    assert refused.returncode == 11
    assert "pre-release" in refused.stderr
    clean = slipway(project, "ship", "--json")
    assert clean.told["release"] == "1.1.0"
    assert "warning" not in clean.stderr
    assert json.loads((project.parent / ".slipway/target/current/release.json").read_text())["overrides"] == []


def test_a_target_that_asks_for_a_signature_takes_no_ship_without_that_key(tmp_path: Path) -> None:
    ours, public = key_pair(tmp_path, "ours")
    stranger, _ = key_pair(tmp_path, "stranger")
    project = diabetes(tmp_path / "p")
    edit(project, "[gate]", f'[trust]\npublic_key = "{public}"\n[gate]')
    repository(project)
    unsigned = slipway(project, "ship")
    assert unsigned.returncode == 31
    assert "SLIPWAY_SIGNING_KEY is not set, so nothing can be signed; nothing was started" in unsigned.stderr
    assert not (project.parent / "mlflow.db").exists()
    foreign = slipway(project, "ship", SLIPWAY_SIGNING_KEY=stranger)
    assert foreign.returncode == 31
    assert "1.0.0 is not signed by the key" in foreign.stderr
    assert status(project) == (None, None, None)
    signed = slipway(project, "ship", SLIPWAY_SIGNING_KEY=ours)
    assert signed.returncode == 0, signed.stderr
    assert status(project) == ("1.0.0", "1.0.0", "1.0.0")


def test_a_refused_candidate_moves_nothing_and_its_twin_without_the_rule_publishes(tmp_path: Path) -> None:
    project = repository(with_store(wine(tmp_path / "p")))
    edit(project, "[gate]", "[gate.maximum]\nroc_auc = 0.5\n[gate]")
    refused = slipway(project, "ship", "--json")
    assert refused.returncode == 9
    told = refused.told
    assert [rule["rule"] for rule in told["rules"] if not rule["ok"]] == ["ceiling.roc_auc"]
    assert "can be reproduced: it includes uncommitted changes in slipway.toml\n" in refused.stderr
    assert told["verdict"] == "refuse"
    (row,) = slipway(project, "history", "--json").told
    assert (row["to"], row["outcome"], row["metric"]) == (told["release"], "refused", "roc_auc")
    assert "refused" in slipway(project, "history").stdout
    assert status(project) == (None, None, None)
    edit(project, "[gate]", '[gate]\noff = ["ceiling.roc_auc"]')
    assert shipped(project)["verdict"] == "publish"


def test_shipping_the_same_again_proves_the_champion_and_writes_nothing(tmp_path: Path) -> None:
    project = repository(with_store(diabetes(tmp_path / "p")))
    shipped(project)
    journal = (project.parent / ".slipway/target/journal.jsonl").read_bytes()
    assert shipped(project)["champion"] == "1.0.0"
    assert (project.parent / ".slipway/target/journal.jsonl").read_bytes() == journal


def test_a_second_ship_is_refused_while_one_runs(tmp_path: Path) -> None:
    project = repository(diabetes(tmp_path / "p"))
    (project.parent / ".slipway").mkdir()
    with (project.parent / ".slipway/ship.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        busy = slipway(project, "ship")
    assert busy.returncode == 13
    assert "another `slipway ship` is running" in busy.stderr


def test_a_rollback_with_an_unreachable_registry_is_done_and_the_mirror_is_owed(tmp_path: Path) -> None:
    project = shipped_diabetes(tmp_path / "p")
    edit(project, "[train]", "[train.parameters]\nalpha = 0.9\n[train]")
    commit(project, "v1.0.1")
    shipped(project)
    gone = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    owed = slipway(project, "rollback", "--reason", "bad", **gone)
    assert owed.returncode == 15
    assert "is live and verified, but the registry could not be updated" in owed.stderr
    assert status(project) == ("1.0.1", "1.0.0", "1.0.0")
    assert slipway(project, "doctor").returncode == 0
    assert status(project) == ("1.0.0", "1.0.0", "1.0.0")


def test_a_second_ship_of_a_project_split_by_group_is_compared_with_the_champion(tmp_path: Path) -> None:
    project = with_store(parcels(tmp_path / "p"))
    edit(project, 'by = "time"\nholdout_days = 30', 'by = "group"\nkey = ["customer"]')
    repository(project)
    assert slipway(project, "ship").returncode == 0
    edit(project, "learning_rate = 0.1", "learning_rate = 0.12")
    commit(project, "v1.1.0")
    done = slipway(project, "ship", "--json")
    assert (done.returncode, done.told.get("champion")) == (0, "1.1.0"), done.stderr
    assert {"comparable", "champion.roc_auc"} < {rule["rule"] for rule in done.told["rules"] if rule["judged"]}


@pytest.mark.parametrize("name", ["model.onnx", "golden.json"])
def test_a_flipped_byte_in_the_champion_is_found(tmp_path: Path, name: str) -> None:
    project = shipped_diabetes(tmp_path / "p")
    file = project.parent / ".slipway/target/current" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    found = slipway(project, "predict")
    assert found.returncode == 10
    assert name in found.stderr


def test_a_bundle_records_what_it_was_built_from_and_what_each_step_made(tmp_path: Path) -> None:
    project = shipped_diabetes(tmp_path / "p")
    build = json.loads((project.parent / ".slipway/target/current/release.json").read_text())["build"]
    assert build["settings"]["train.estimator"] == '"sklearn.linear_model.Ridge"'
    assert not [name for name in build["settings"] if name.startswith(("data.sources", "features"))]
    assert build["locks"] == {}
    assert list(build["steps"]) == ["evaluate", "ingest", "package", "split", "train", "validate"]
    split = build["steps"]["split"]
    assert sum(split["scores"].values()) == 442
    made = {path.name: file_digest(path) for path in project.parent.glob("mlartifacts/*/artifacts/*.parquet")}
    assert split["files"]["train.parquet"] == made["train.parquet"]
    assert build["steps"]["evaluate"]["files"]["predictions.parquet"] == made["predictions.parquet"]
    assert not [
        name for step in build["steps"].values() for name in step["files"] if name.endswith((".log", "scores.json"))
    ]
