"""A job killed just before any of its writes, renames and removals ends, when run again, with the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.batch_jobs import content, run, some_rows, write_rows
from tests.support.bundles import make_bundle, release_of

JOB = """
import os, signal, sys
from pathlib import Path
from slipway.batch.job import BatchRequest, score_dataset
from slipway.batch.plan import Options
from slipway.batch.policy import Policy
from slipway.bundle.release_file import verify
source, out, bundle, fatal = *map(Path, sys.argv[1:4]), int(sys.argv[4])
changes = 0

def count(event, arguments):
    global changes
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if (writes or event in {"os.rename", "os.remove", "os.rmdir", "os.mkdir"}) and str(out.parent) in str(arguments[0]):
        changes += 1
        if changes == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

verified = verify(bundle)
sys.addaudithook(count)
score_dataset(BatchRequest(str(source), out, Options(rows_per_part=100), Policy("5%"), overwrite=True), verified)
print(changes)
"""
MOMENTS = 12


def job(source: Path, out: Path, bundle: Path, fatal: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", JOB, str(source), str(out), str(bundle), str(fatal)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An input, two releases, and the dataset of the second with the number of changes that made it."""
    folder = tmp_path_factory.mktemp("world")
    rows = some_rows(400)
    rows["carrier"][5] = rows["carrier"][350] = "ZZ"
    write_rows(folder / "in.csv", rows)
    old = make_bundle(folder / "releases", "1.0.0")
    make_bundle(folder / "releases", "2.0.0", bias=1.0)
    (folder / "unbroken").mkdir()
    run(folder / "in.csv", folder / "unbroken/out", old, part=100, max_bad="5%")
    done = job(folder / "in.csv", folder / "unbroken/out", release_of(folder, "2.0.0"))
    (folder / "changes").write_text(done.stdout)
    return folder


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_job_that_is_killed_at_a_change_of_the_disk_is_made_good_by_the_next(
    world: Path, tmp_path: Path, moment: int
) -> None:
    out, new = tmp_path / "out", release_of(world, "2.0.0")
    run(world / "in.csv", out, release_of(world, "1.0.0"), part=100, max_bad="5%")
    before = content(out)
    changes = int((world / "changes").read_text())
    killed = job(world / "in.csv", out, new, 1 + moment * (changes - 1) // (MOMENTS - 1))
    assert killed.returncode == -signal.SIGKILL
    assert content(out) in (before, content(world / "unbroken/out"))
    assert job(world / "in.csv", out, new).returncode == 0
    assert content(out) == content(world / "unbroken/out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
