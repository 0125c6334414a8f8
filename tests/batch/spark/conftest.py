"""One cluster and what became of the jobs on it, made by whichever test asks first and shared by all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock

from tests.support.batch_jobs import run, some_rows, write_rows
from tests.support.bundles import make_bundle
from tests.support.eventually import eventually
from tests.support.spark_cluster import PYTHON, Cluster, cluster, environment

PART = 2000
ROWS = 16_000
KINDS = ("csv", "parquet", "jsonl")
STORY = Path(__file__).parents[2] / "support" / "spark_jobs.py"
BARE = Path(sys.base_prefix) / "bin/python3"
"""A Python with nothing installed."""


class Told(NamedTuple):
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
