"""A cluster makes the dataset that one machine makes, to the last byte, whatever becomes of its workers."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from slipway.tables.dataset_manifest import read_manifest
from tests.batch.spark.conftest import BARE, KINDS, ROWS, Told
from tests.support.batch_jobs import content

pytestmark = pytest.mark.slow


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
    assert "damaged/in.parquet cannot be read from its row " in told.jobs["damaged"]["message"]
    assert not (told.folder / "spark-damaged").exists()


def test_a_file_that_the_driver_alone_sees_is_named_with_the_machine_that_does_not(told: Told) -> None:
    assert told.jobs["elsewhere"]["error"] == "DataError"
    assert "does not see /elsewhere/in.csv" in told.jobs["elsewhere"]["message"]
    assert "IN must be a place that all machines share" in told.jobs["elsewhere"]["message"]


def test_a_cluster_without_room_is_not_waited_for_for_ever(told: Told) -> None:
    assert told.jobs["crowded"]["error"] == "SparkError"
    assert "has had no executor for 2 s" in told.jobs["crowded"]["message"]


def test_executors_without_python_or_its_packages_are_told_in_a_sentence(told: Told) -> None:
    assert told.jobs["no python"]["error"] == told.jobs["bare"]["error"] == "SparkError"
    assert "an executor cannot run its Python, '/nowhere/python'" in told.jobs["no python"]["message"]
    assert "the Python of an executor has no '" in told.jobs["bare"]["message"]
    assert BARE.is_file()


def test_nothing_half_written_is_published(told: Told) -> None:
    assert not (told.folder / "none").exists()
    assert pq.read_table(told.folder / "spark-many").num_rows == ROWS
