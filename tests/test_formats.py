"""What earlier commits wrote is read by this one: their bundles, targets, journals, stores, datasets and logs.

Each archive in data/formats/ was made by the commit that its folder is named after; see README.md there.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from slipway.storage.archives import extract
from tests.support.eventually import eventually
from tests.support.fork_server import Ended, slipway
from tests.support.git_repositories import git
from tests.support.projects import commit, edit, files_of, move_store, runs
from tests.support.running_server import Running, running
from tests.support.sampling import sample

FORMATS = Path(__file__).parent / "data" / "formats"
TOO_LITTLE, HELD = 4, 12
NEXT = {
    "parcels": ("max_iter = 30", "max_iter = 31"),
    "rents": ("alpha = 0.9", "alpha = 0.8"),
    "flowers": ("n_neighbors = 7", "n_neighbors = 9"),
}
"""The setting that the last release had, and what the next one has instead."""
RENAMED_SETTINGS = {"[gate.floors]": "[gate.minimum]"}


@dataclass(frozen=True)
class Past:
    """A project as an earlier commit left it, and what that commit said of it."""

    folder: Path
    name: str

    @property
    def settings(self) -> Path:
        return self.folder / "project" / "slipway.toml"

    @property
    def made(self) -> Path:
        return self.folder / "made"

    @property
    def target(self) -> Path:
        return self.folder / "project" / ".slipway" / "target"

    @property
    def champion(self) -> str:
        """The version that serves."""
        return self.target.joinpath("current").resolve().name.rpartition("-")[0]

    @property
    def journal(self) -> Path:
        return self.target / "journal.jsonl"

    def said(self, name: str) -> Any:
        """What the earlier commit said."""
        return json.loads((self.made / f"{name}.json").read_text())

    def says(self, *arguments: str) -> Any:
        """What this commit says, by a command that must end well."""
        return json.loads(self.succeed(*arguments, "--json").stdout)

    def succeed(self, *arguments: str) -> Ended:
        """Run a command that must end well."""
        ended = slipway(self.settings, *arguments)
        assert ended.returncode == 0, ended.stderr
        return ended

    def findings(self) -> list[str]:
        """The kinds of all that the doctor finds; it must be content at the end."""
        return [finding["kind"] for finding in self.says("doctor")]

    def golden(self, release: str) -> Any:
        """The golden rows of a release with their predictions."""
        (folder,) = (self.target / "releases").glob(f"{release}-*")
        return json.loads((folder / "golden.json").read_text())


STATES = sorted(FORMATS.glob("*/*.tar.xz"))
SAMPLE = sample(STATES, kind=lambda path: path.name)


@pytest.fixture(params=SAMPLE, ids=[f"{path.parent.name}-{path.name.split('.')[0]}" for path in SAMPLE])
def past(request: pytest.FixtureRequest, tmp_path: Path) -> Past:
    return unpacked(request.param, tmp_path)


@pytest.fixture(params=[path for path in SAMPLE if path.name == "parcels.tar.xz"], ids=lambda path: path.parent.name)
def parcels(request: pytest.FixtureRequest, tmp_path: Path) -> Past:
    """The one whose journal has a rollout, a rollback, a resume and a rollout."""
    return unpacked(request.param, tmp_path)


@pytest.fixture(params=[path for path in SAMPLE if path.name == "rents.tar.xz"], ids=lambda path: path.parent.name)
def rents(request: pytest.FixtureRequest, tmp_path: Path) -> Past:
    """The one whose automatic rollouts are held, with a backup."""
    return unpacked(request.param, tmp_path)


def unpacked(archive: Path, folder: Path) -> Past:
    """The state in a folder of its own, to which the store's absolute paths lead."""
    with tarfile.open(archive) as tar:
        extract(tar, folder)
    root = (folder / "made" / "root").read_text()
    move_store(folder / "project" / "mlflow.db", root, str(folder / "project"))
    _rename_settings(folder / "project" / "slipway.toml")
    return Past(folder, archive.name.split(".")[0])


def _rename_settings(settings: Path) -> None:
    """Rename the settings that have a new name, as `slipway` tells a user who upgrades: the one edit by hand."""
    text = settings.read_text()
    for old, new in RENAMED_SETTINGS.items():
        text = text.replace(old, new)
    settings.write_text(text)


def test_every_format_that_was_kept_is_read() -> None:
    """No folder is without its three projects, so none is passed over."""
    kept = {path.parent.name: sorted(p.name for p in path.parent.glob("*.tar.xz")) for path in STATES}
    folders = {path.name for path in FORMATS.iterdir() if path.is_dir()}
    assert kept == {name: ["flowers.tar.xz", "parcels.tar.xz", "rents.tar.xz"] for name in folders}
    assert kept


def test_every_byte_of_a_bundle_is_verified_and_its_golden_rows_are_predicted(past: Past) -> None:
    """Sealed bundles and the target's copies of them alike, also the one that was left behind as bad."""
    state = past.folder / "project" / ".slipway"
    folders = [*(state / "bundles").glob("[!.]*"), *(state / "target" / "releases").glob("[!.]*")]
    assert len(folders) >= 4
    for folder in folders:
        ended = slipway(past.folder, "verify", str(folder), "--json")
        assert ended.returncode == 0, ended.stderr


def test_the_champion_is_served_and_answers_as_it_did(past: Past) -> None:
    """Each request gets the answer that the earlier server gave, and the golden rows get theirs."""
    with running(target=past.target, workers=1) as server:
        for one in past.said("answers"):
            answer = server.post(one["request"])
            assert (answer.status, answer.release) == (200, past.champion)
            assert_holds(answer.json, one["answer"])
        assert_golden(server, past, past.champion)


def test_batch_scores_as_it_did(past: Past, tmp_path: Path) -> None:
    """The same rows come to the same dataset, release and predictions included."""
    manifest = past.says("batch", str(past.made / "rows"), str(tmp_path / "out"))
    assert manifest["state"] == "scored"
    before, now = (pq.read_table(folder).to_pydict() for folder in (past.made / "scores", tmp_path / "out"))
    assert set(now["release"]) == {past.champion}
    assert list(now) == list(before)
    assert_holds(now, before)
    if libraries_are_those_of(past):
        assert manifest["digest"] == dataset(past)["digest"]


def test_a_dataset_that_holds_these_rows_already_is_left_alone(past: Past) -> None:
    """Unless numpy, onnxruntime or pyarrow is another: then it is another job, which takes ``--overwrite``."""
    again = slipway(past.settings, "batch", str(past.made / "rows"), str(past.made / "scores"), "--json")
    if libraries_are_those_of(past):
        assert again.returncode == 0, again.stderr
        told = json.loads(again.stdout)
        assert (told["state"], told["digest"]) == ("unchanged", dataset(past)["digest"])
    else:
        assert "--overwrite" in again.stderr


def test_what_served_when_by_whom_and_why_is_told_as_it_was(past: Past) -> None:
    """No line of ``history`` is lost, and each has every field that it had."""
    assert_holds(past.says("history"), past.said("history"))


def test_what_serves_where_is_told_as_it_was(past: Past) -> None:
    """``status`` agrees about champion, registry, hold and problems; only the target's folder is another."""
    before = past.said("status")
    for target in before["targets"]:
        target["path"] = str(past.target)
    assert_holds(past.says("status"), before)


def test_nothing_disagrees(past: Past) -> None:
    """The doctor finds nothing to do: a hold is somebody's decision."""
    assert past.findings() == (["held"] if past.said("status")["held"] else [])


def test_a_rollout_that_was_killed_is_taken_back(parcels: Past) -> None:
    """An intent without outcome in the earlier journal leads back to the release before it."""
    *lines, _ = parcels.journal.read_text().splitlines(keepends=True)
    parcels.journal.write_text("".join(lines))
    kinds = parcels.findings()
    assert "interrupted" in kinds
    assert parcels.champion == "1.0.0"
    assert parcels.findings() == []


def test_a_rollback_goes_to_the_earlier_release_which_then_serves(past: Past) -> None:
    """Not to one that a rollback of the earlier commit marked bad, unless it is named. A server follows."""
    held = past.said("status")["held"]
    to = ["--to", "1.1.0"] if held else []
    with running(target=past.target, workers=1) as server:
        past.succeed("rollback", "--reason", "the test", *to)
        release = "1.1.0" if held else "1.0.0"
        assert past.champion == release
        assert eventually(lambda: server.ask("GET", "/version").json["release"] == release, 60)
        assert_golden(server, past, release)
    expected = {"action": "rollback", "to": release, "outcome": "proved", "reason": "the test"}
    assert_holds(past.says("history")[-1], expected)
    assert past.findings() == ["held"]


def test_a_hold_lasts_until_it_is_lifted(rents: Past) -> None:
    """The rollback of the earlier commit refuses the ship of this one."""
    release_next(rents, "v1.2.0")
    refused = slipway(rents.settings, "ship")
    assert refused.returncode == HELD
    assert "rents of one room are too low" in refused.stderr
    assert rents.champion == "1.0.0"


def test_the_next_release_is_shipped_and_registered_beside_the_earlier_ones(past: Past) -> None:
    """It is compared with the earlier champion and follows it in journal, registry and store."""
    if past.said("status")["held"]:
        past.succeed("resume", "--reason", "fixed")
    before, lines = registered(past), past.says("history")
    assert set(before) == {row["digest"] for row in lines}
    release_next(past, "v1.3.0")
    digest = past.says("ship")["digest"]
    assert past.champion == "1.3.0"
    after = registered(past)
    assert after == before | {digest: max(before.values()) + 1}
    assert MlflowClient(store(past)).get_model_version_by_alias(past.name, "champion").tags["release"] == "1.3.0"
    assert_holds(past.says("history")[:-1], lines)
    assert past.findings() == []


def test_every_run_of_the_store_has_its_files_and_what_made_it(past: Past) -> None:
    """From a registered version back to the run that sealed it, and to each step's files."""
    client = MlflowClient(store(past))
    steps = {run.info.run_id for run in runs(past.settings, "tags.`slipway.step` LIKE '%'")}
    assert steps
    assert all(any(files_of(client.get_run(step)).iterdir()) for step in steps)
    for found in client.search_model_versions(f"name = '{past.name}'"):
        run = client.get_run(found.run_id)
        assert run.data.tags["slipway.bundle_digest"] == found.tags["bundle_digest"]
        assert (files_of(run) / "bundle" / "release.json").is_file()


def test_a_release_that_was_marked_bad_is_pruned_and_the_good_ones_stay(parcels: Past) -> None:
    """The earlier journal says which is which."""
    parcels.succeed("prune")
    left = {path.name.rpartition("-")[0] for path in (parcels.target / "releases").iterdir()}
    assert left == {"1.0.0", "1.2.0"}
    assert parcels.findings() == []


def renamed_bins(said: Any) -> Any:
    """The drift of an earlier commit with today's names of the bins."""
    text = (
        json.dumps(said)
        .replace('"name": "strangers"', '"name": "unseen"')
        .replace('"name": "others"', '"name": "other"')
    )
    return json.loads(text)


@pytest.mark.parametrize("what", ["scores", "predictions"])
def test_drift_says_of_an_earlier_dataset_and_log_what_it_said(past: Past, what: str) -> None:
    """It reads the reference in the earlier bundle, the dataset's parts and the server's log."""
    asked = slipway(past.settings, "drift", str(past.made / what), "--json")
    if not (past.made / f"drift-of-{what}.json").is_file():
        # It read the log, and found one day where its reference wants several.
        assert (asked.returncode, "of a day" in asked.stderr) == (TOO_LITTLE, True), asked.stderr
        return
    assert asked.returncode == 0, asked.stderr
    today = {"current": str(past.made / what), "rule": "all rows compared at once"}
    assert_holds(json.loads(asked.stdout), renamed_bins(past.said(f"drift-of-{what}")) | today)


def test_a_backup_is_restored_where_there_is_nothing(rents: Past, tmp_path: Path) -> None:
    """Store, bundles and target come back from the earlier commit's file, and predict and agree as before."""
    git(rents.settings.parent, "clone", "-q", ".", str(tmp_path / "elsewhere" / "project"))
    shutil.copytree(rents.made, tmp_path / "elsewhere" / "made")
    restored = Past(tmp_path / "elsewhere", "rents")
    restored.succeed("restore", str(rents.made / "backup.tar.gz"))
    assert_holds(restored.says("history"), rents.said("history"))
    assert restored.findings() == ["held"]
    assert registered(restored) == registered(rents)
    with running(target=restored.target, workers=1) as server:
        assert_golden(server, restored, "1.0.0")


def release_next(past: Past, tag: str) -> None:
    """Another setting, committed and tagged."""
    edit(past.settings, *NEXT[past.name])
    commit(past.settings, tag)


def store(past: Past) -> str:
    return f"sqlite:///{past.folder / 'project' / 'mlflow.db'}"


def registered(past: Past) -> dict[str, int]:
    """The number of the registry's version for each bundle's digest."""
    found = MlflowClient(store(past)).search_model_versions(f"name = '{past.name}'")
    return {one.tags["bundle_digest"]: int(one.version) for one in found}


def dataset(past: Past) -> Any:
    """The manifest of the earlier dataset."""
    return json.loads((past.made / "scores" / "_slipway.json").read_text())


def libraries_are_those_of(past: Past) -> bool:
    """Are the libraries that decide a dataset's bytes still the same?"""
    return all(version(name) == number for name, number in dataset(past)["libraries"].items())


def assert_golden(server: Running, past: Past, release: str) -> None:
    """The server is this release, and predicts its golden rows as they were sealed."""
    golden = past.golden(release)
    columns = golden["inputs"]
    rows = list(zip(*columns.values(), strict=True))
    answer = server.post({"dataframe_split": {"columns": list(columns), "data": rows}})
    assert answer.release == release
    assert_holds(answer.json, {name: golden[name] for name in ("predictions", "labels") if name in answer.json})


def assert_holds(now: Any, before: Any, place: str = "") -> None:
    """All that was said is still said, floats to the ninth digit; a mapping may say more."""
    if isinstance(before, dict):
        assert before.keys() <= now.keys(), place
        for name, was in before.items():
            assert_holds(now[name], was, f"{place}.{name}")
    elif isinstance(before, list):
        assert len(now) == len(before), place
        for number, was in enumerate(before):
            assert_holds(now[number], was, f"{place}[{number}]")
    else:
        assert now == (pytest.approx(before, rel=1e-9) if isinstance(before, float) else before), place
