"""A cluster makes the dataset that one machine makes, to the last byte, whatever becomes of its workers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from slipway.tables.dataset_manifest import read_manifest
from tests.support.batch_jobs import content, run, some_rows, write_rows
from tests.support.bundles import make_bundle
from tests.support.eventually import eventually
from tests.support.spark_cluster import PYTHON, Cluster, cluster, environment

pytestmark = pytest.mark.slow
PART = 2000
ROWS = 16_000
KINDS = ("csv", "parquet", "jsonl")
STORY = Path(__file__).parents[2] / "support" / "spark_jobs.py"
BARE = Path(sys.base_prefix) / "bin/python3"
"""A Python with nothing installed."""


@dataclass(frozen=True, slots=True)
class Told:
    """The folder with all datasets, and what is known of each job."""

    folder: Path
    jobs: dict[str, Any]


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Told:
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "on-spark"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "told.json").is_file():
            make_world(folder)
            (folder / "told.json").write_text(json.dumps(jobs(folder)))
    return Told(folder, json.loads((folder / "told.json").read_text()))


def make_world(folder: Path) -> None:
    """Files of every kind with a few bad rows, a bundle, and the datasets that the local engine makes of them."""
    make_bundle(folder / "releases").rename(folder / "bundle")
    for kind in KINDS:
        for seed in range(2):
            rows = some_rows(4700, seed)
            rows["carrier"][777] = rows["carrier"][4000] = "ZZ"
            write_rows(
                folder / kind / f"{seed}.{kind}", rows, **({"row_group_size": 1500} if kind == "parquet" else {})
            )
        run(folder / kind, folder / f"local-{kind}", folder / "bundle", keep=("id",), part=PART, max_bad="1%")
    many = write_rows(folder / "many.parquet", some_rows(ROWS))
    run(many, folder / "local-many", folder / "bundle", keep=("id",), part=400)
    damaged = bytearray(many.read_bytes())
    damaged[len(damaged) // 3 : len(damaged) // 2] = bytes(len(damaged) // 2 - len(damaged) // 3)
    (folder / "damaged").mkdir()
    (folder / "damaged/in.parquet").write_bytes(damaged)


def jobs(folder: Path) -> dict[str, Any]:
    """Run all of them in one driver on one cluster of two workers, one of which is killed during the job "many"."""
    records = folder / "spark-many.slipway-work/records"
    with cluster(folder) as spark, story(folder, spark) as driver:
        assert eventually(lambda: len(list(records.glob("*"))) > 2 or driver.poll() is not None, 400)
        spark.kill_a_worker()
        made = len(list(records.glob("*")))
        stdout, _ = driver.communicate()
        assert driver.returncode == 0, (folder / "story.log").read_text()
        return json.loads(stdout) | {"parts before": made}


@contextmanager
def story(folder: Path, spark: Cluster) -> Iterator[subprocess.Popen[str]]:
    """The driver in a process of its own, which does not outlive the block."""
    command = [str(PYTHON), str(STORY), str(folder), spark.master, str(BARE)]
    with (folder / "story.log").open("w") as log:
        driver = subprocess.Popen(command, env=environment(folder), stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield driver
    finally:
        driver.kill()
        driver.wait()


@pytest.mark.parametrize("kind", KINDS)
def test_a_cluster_makes_the_dataset_and_the_quarantine_of_one_machine_to_the_last_byte(told: Told, kind: str) -> None:
    ours, theirs = content(told.folder / f"local-{kind}"), content(told.folder / f"spark-{kind}")
    assert theirs == ours
    assert sum(name.startswith("_quarantine/") for name in theirs) >= 3
    assert len(theirs) > 5


@pytest.mark.parametrize("kind", KINDS)
def test_both_engines_give_a_dataset_one_digest(told: Told, kind: str) -> None:
    ours, theirs = read_manifest(told.folder / f"local-{kind}"), read_manifest(told.folder / f"spark-{kind}")
    assert ours and theirs
    assert theirs["digest"] == ours["digest"] == told.jobs[kind]["digest"]
    assert theirs["rows"] == {"in": 9400, "scored": 9396, "quarantined": 4}
    assert (ours["timings"]["engine"], theirs["timings"]["engine"]) == ("local", "spark")


def test_each_worker_process_loads_the_bundle_once_for_all_its_parts(told: Told) -> None:
    first, *others = [told.jobs[kind]["timings"] for kind in KINDS]
    assert first["loads"] == first["workers"] > 0
    assert all(timings["loads"] <= timings["workers"] for timings in others)
    parts = sum(len(list((told.folder / f"spark-{kind}").glob("part-*"))) for kind in KINDS)
    assert first["loads"] + sum(timings["loads"] for timings in others) < parts / 2


def test_a_worker_killed_midway_changes_nothing_and_no_row_is_counted_twice(told: Told) -> None:
    killed = told.jobs["many"]
    assert 2 < told.jobs["parts before"] < ROWS // 400
    assert killed["rows"] == {"in": ROWS, "scored": ROWS, "quarantined": 0}
    assert content(told.folder / "spark-many") == content(told.folder / "local-many")
    assert "Lost executor" in (told.folder / "story.log").read_text()


def test_the_same_job_again_says_that_there_is_nothing_to_do(told: Told) -> None:
    assert told.jobs["again"] == told.jobs["csv"] | {"state": "unchanged"}


def test_a_damaged_file_is_named_with_the_row_that_was_reached_and_nothing_is_published(told: Told) -> None:
    assert told.jobs["damaged"]["error"] == "DataError"
    assert "damaged/in.parquet cannot be read from row " in told.jobs["damaged"]["message"]
    assert not (told.folder / "spark-damaged").exists()


def test_a_file_that_the_driver_alone_sees_is_named_with_the_machine_that_does_not(told: Told) -> None:
    assert told.jobs["elsewhere"]["error"] == "DataError"
    assert "cannot read /elsewhere/in.csv" in told.jobs["elsewhere"]["message"]
    assert "all machines must share IN" in told.jobs["elsewhere"]["message"]


def test_a_cluster_without_room_is_not_waited_for_for_ever(told: Told) -> None:
    assert told.jobs["crowded"]["error"] == "SparkError"
    assert "has had no executor for 2 s" in told.jobs["crowded"]["message"]


def test_executors_without_python_or_its_packages_are_told_in_a_sentence(told: Told) -> None:
    assert told.jobs["no python"]["error"] == told.jobs["bare"]["error"] == "SparkError"
    assert "an executor cannot run Python as '/nowhere/python'" in told.jobs["no python"]["message"]
    assert "the Python of an executor has no '" in told.jobs["bare"]["message"]
    assert BARE.is_file()


def test_nothing_half_written_is_published(told: Told) -> None:
    assert not (told.folder / "none").exists()
    assert pq.read_table(told.folder / "spark-many").num_rows == ROWS
