"""A job may be killed, repeated and doubled: the dataset is the same to the last byte, and never seen half-made."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from slipway.errors import BusyError, DataError, StorageError
from slipway.tables.dataset_manifest import read_manifest
from tests.support.batch_jobs import content, run, some_rows, write_rows
from tests.support.bundles import make_bundle, release_of

ROWS = 40_000
PART = 2000
JOB = """
import sys
from pathlib import Path
from tests.support.batch_jobs import run
source, out, bundle = map(Path, sys.argv[1:4])

def progress(plan):
    print("begun", flush=True)
    return lambda rows, place: sys.stdin.readline()

run(source, out, bundle, part=2000, max_bad="1%", progress=progress)
"""
KILLS = int(os.environ.get("SLIPWAY_BATCH_KILLS", "2"))
"""How often one and the same job is killed."""
LIFE = 0.9 * ROWS / PART / KILLS + 0.8
"""The units within which a job is killed once it has begun: so few that it lives through all its kills."""
UNIT = 0.02
"""About as many seconds as a unit takes."""


def started(source: Path, out: Path, bundle: Path) -> subprocess.Popen[str]:
    """A job in a process of its own that has begun; it waits for a line after each unit so that a moment can be chosen."""
    command = [sys.executable, "-c", JOB, str(source), str(out), str(bundle)]
    job = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert job.stdout
    assert job.stdout.readline() == "begun\n"
    return job


@pytest.fixture(scope="module", params=["parquet", "csv"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two input files with a few bad rows, a bundle, and the dataset of an unbroken run."""
    folder = tmp_path_factory.mktemp("world")
    for seed in range(2):
        rows = some_rows(ROWS // 2, seed)
        rows["carrier"][777] = "ZZ"
        write_rows(folder / f"in/{seed}.{request.param}", rows)
    make_bundle(folder / "releases")
    run(folder / "in", folder / "unbroken", release_of(folder), part=PART, max_bad="1%")
    return folder


@pytest.mark.parametrize("seed", range(4))
def test_a_job_killed_at_any_moments_ends_with_the_bytes_of_an_unbroken_run(
    world: Path, tmp_path: Path, seed: int
) -> None:
    moments, out = np.random.default_rng(seed), tmp_path / "out"
    for _ in range(KILLS):
        job = started(world / "in", out, release_of(world))
        units, rest = divmod(moments.random() * LIFE, 1)
        assert job.stdin
        job.stdin.write("\n" * int(units))
        job.stdin.flush()
        time.sleep(rest * UNIT)
        job.send_signal(signal.SIGKILL)
        job.communicate()
        assert not out.exists()
    said: list[str] = []
    done = run(world / "in", out, release_of(world), part=PART, max_bad="1%", report=said.append)
    assert content(out) == content(world / "unbroken")
    unbroken = read_manifest(world / "unbroken")
    assert unbroken
    assert done.manifest["digest"] == unbroken["digest"]
    assert said == [] or said[0].startswith("resuming after ")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("done", [1, 7, 19])
def test_a_killed_job_goes_on_from_its_finished_parts(world: Path, tmp_path: Path, done: int) -> None:
    def die(rows: int, place: object) -> None:
        if rows == (done + 1) * PART:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(world / "in", tmp_path / "out", release_of(world), part=PART, max_bad="1%", progress=lambda plan: die)
    seen: list[int] = []
    run(world / "in", tmp_path / "out", release_of(world), part=PART, max_bad="1%",
        progress=lambda plan: lambda rows, place: seen.append(rows))  # fmt: skip
    assert seen[0] == (done + 1) * PART
    assert content(tmp_path / "out") == content(world / "unbroken")


def test_a_part_that_was_damaged_after_the_kill_is_made_again(world: Path, tmp_path: Path) -> None:
    def die(rows: int, place: object) -> None:
        if rows == 5 * PART:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(world / "in", tmp_path / "out", release_of(world), part=PART, max_bad="1%", progress=lambda plan: die)
    (tmp_path / "out.slipway-work/dataset/part-00002.parquet").write_bytes(b"torn")
    run(world / "in", tmp_path / "out", release_of(world), part=PART, max_bad="1%")
    assert content(tmp_path / "out") == content(world / "unbroken")


def test_the_same_job_again_does_nothing(world: Path, tmp_path: Path) -> None:
    first = run(world / "in", tmp_path / "out", release_of(world), part=PART, max_bad="1%")
    before = (tmp_path / "out").stat().st_mtime_ns, (tmp_path / "out/_slipway.json").read_bytes()
    second = run(world / "in", tmp_path / "out", release_of(world), part=PART, max_bad="1%")
    assert (first.state, second.state) == ("scored", "unchanged")
    assert first.manifest == second.manifest
    assert before == ((tmp_path / "out").stat().st_mtime_ns, (tmp_path / "out/_slipway.json").read_bytes())


def test_another_input_or_release_is_refused_and_both_are_named_until_overwrite_is_asked(tmp_path: Path) -> None:
    old, new = make_bundle(tmp_path / "releases", "1.0.0"), make_bundle(tmp_path / "releases", "2.0.0", bias=1.0)
    source = write_rows(tmp_path / "in.csv", some_rows(60))
    run(source, tmp_path / "out", old)
    before = content(tmp_path / "out")
    with pytest.raises(
        StorageError, match=r"contains in\.csv .* scored by 1\.0\.0, but this job is in\.csv .* by 2\.0\.0"
    ):
        run(source, tmp_path / "out", new)
    assert content(tmp_path / "out") == before
    run(source, tmp_path / "out", new, overwrite=True)
    assert set(pq.read_table(tmp_path / "out")["release"].to_pylist()) == {"2.0.0"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out", "releases"]


def test_a_folder_that_is_no_dataset_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("mine")
    source = write_rows(tmp_path / "in.csv", some_rows(60))
    with pytest.raises(StorageError, match="not a Slipway dataset"):
        run(source, tmp_path / "out", make_bundle(tmp_path / "releases"), overwrite=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_a_killed_job_of_another_release_is_begun_anew_and_says_so(tmp_path: Path) -> None:
    old, new = make_bundle(tmp_path / "releases", "1.0.0"), make_bundle(tmp_path / "releases", "2.0.0", bias=1.0)
    source = write_rows(tmp_path / "in.csv", some_rows(600))
    with pytest.raises(ZeroDivisionError):
        run(source, tmp_path / "out", old, part=100, progress=lambda plan: lambda rows, place: 1 // (300 - rows))
    said: list[str] = []
    run(source, tmp_path / "out", new, part=100, report=said.append)
    (told,) = said
    assert told.startswith("starting over")
    assert "release 1.0.0, but this job uses 2.0.0" in told
    assert set(pq.read_table(tmp_path / "out")["release"].to_pylist()) == {"2.0.0"}


def test_an_input_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.csv", some_rows(600))
    with pytest.raises(DataError, match=r"in\.csv changed while it was read"):
        run(source, tmp_path / "out", make_bundle(tmp_path / "r"), part=100,
            progress=lambda plan: lambda rows, place: os.utime(source, (1, 1)))  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_of_two_jobs_on_one_out_the_second_is_refused(world: Path, tmp_path: Path) -> None:
    job = started(world / "in", tmp_path / "out", release_of(world))
    with pytest.raises(BusyError, match=f"process {job.pid} of slipway batch is writing to"):
        run(world / "in", tmp_path / "out", release_of(world), part=PART, max_bad="1%")
    job.communicate()
    assert job.returncode == 0
    assert content(tmp_path / "out") == content(world / "unbroken")


def test_a_reader_sees_the_old_dataset_or_the_new_one_and_nothing_between(tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    bundles = [make_bundle(releases, f"{n}.0.0", bias=float(n)) for n in range(1, 7)]
    source = write_rows(tmp_path / "in.parquet", some_rows(300))
    run(source, tmp_path / "out", bundles[0], part=100)
    ended, seen = threading.Event(), set()

    def look() -> None:
        while not ended.is_set():
            folder = os.open(tmp_path / "out", os.O_RDONLY)
            # A folder that was replaced is emptied; its name leads to a whole one all the same.
            with suppress(FileNotFoundError):
                manifest = json.loads(Path(f"/proc/self/fd/{folder}/_slipway.json").read_bytes())
                seen.add((manifest["release"], len(manifest["parts"])))
            os.close(folder)

    reader = threading.Thread(target=look)
    reader.start()
    for bundle in bundles[1:]:
        run(source, tmp_path / "out", bundle, part=100, overwrite=True)
    ended.set()
    reader.join()
    assert seen <= {(f"{n}.0.0", 3) for n in range(1, 7)}
    assert len(seen) > 1
