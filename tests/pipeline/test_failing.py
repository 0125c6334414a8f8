"""A component that breaks is named with its log, which stays where the store is; the others keep what they made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.fork_server import slipway
from tests.support.projects import copy_of_programs, diabetes, edit, files_of, runs, with_store

FIT = "        model.fit(features, frame[target].to_numpy())\n"
MANY = "raise ValueError('first line' + chr(10) + 'second line')"
TOO_MUCH = "import resource; resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30)); bytearray(1 << 40)"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_programs(tmp_path_factory.mktemp("checkout") / "copy")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_store(diabetes(tmp_path_factory.mktemp("diabetes")))


@pytest.mark.parametrize(
    ("line", "said", "logged"),
    [
        ("raise RuntimeError('edited')", "failed with exit code 1: RuntimeError: edited", "steps/train.py"),
        (MANY, "failed with exit code 1: ValueError: first line", "second line"),
        (TOO_MUCH, "failed with exit code 1: MemoryError", "steps/train.py"),
        ("import sys; print('bye'); sys.exit(77)", "failed with exit code 77: bye", "bye"),
        ("import os; os.kill(os.getpid(), 11)", "was killed by signal 11 (SIGSEGV): it printed nothing", ""),
        (
            "import os; print('so far', flush=True); os.kill(os.getpid(), 9)",
            "was killed by signal 9 (SIGKILL, which usually means that the machine ran out of memory): so far",
            "so far",
        ),
        ("return (", "failed with exit code 1: SyntaxError: '(' was never closed", "steps/train.py"),
        ("raise SystemExit(0)", "ended without writing scores.json: it printed nothing", ""),
        (
            "return None",
            "TypeError: train must return a dict of scores (name to number), but returned None",
            "Traceback",
        ),
        ("return {'rows': 'many'}", "(name to number), but returned {'rows': 'many'}", "Traceback"),
    ],
)
def test_a_component_that_breaks_is_named_with_its_log(
    project: Path, copy: Path, tmp_path: Path, line: str, said: str, logged: str
) -> None:
    program = copy / "src/slipway/steps/train.py"
    whole = program.read_text()
    edit(program, FIT, f"        {line}\n")
    done = slipway(project, "run", code=copy, TMPDIR=str(tmp_path))
    program.write_text(whole)
    assert done.returncode == 8
    assert "slipway: component 'train' " in done.stderr
    assert said in done.stderr
    log = Path(done.stderr.strip().rpartition("; its log is ")[2])
    train, parent = runs(project)[0], newest(project)
    assert log == files_of(train) / "train.log"
    assert logged in log.read_text()
    assert (train.info.status, parent.info.status) == ("FAILED", "FAILED")
    assert list(files_of(train).iterdir()) == [log]
    assert {path.name for path in tmp_path.iterdir()} <= {".ses"}


def test_the_twin_without_an_edited_line_ends_well_and_takes_the_steps_before_from_the_cache(
    project: Path, copy: Path
) -> None:
    program = copy / "src/slipway/steps/train.py"
    whole = program.read_text()
    edit(program, FIT, "        raise RuntimeError('edited')\n")
    assert slipway(project, "run", code=copy).returncode == 8
    program.write_text(whole)
    done = slipway(project, "run", code=copy)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stderr.splitlines() if line.endswith("(cached)")][:3] == [
        "ingest",
        "validate",
        "split",
    ]


def newest(project: Path) -> Any:
    """The MLflow run of the last whole pipeline."""
    return next(run for run in runs(project) if "slipway.process" in run.data.tags)


def statuses(project: Path) -> dict[str, str]:
    inside = runs(project, f"tags.`mlflow.parentRunId` = '{newest(project).info.run_id}'")
    return {run.data.tags["slipway.step"]: run.info.status for run in inside}


def test_what_runs_beside_a_failure_is_waited_for_and_kept(copy: Path, tmp_path: Path) -> None:
    project, program = with_store(diabetes(tmp_path / "p")), copy / "components/split/run.py"
    edit(project, "[split]", "[validate]\nminimum_rows = 1_000\n[split]")
    edit(program, "    main(split)", "    import time; time.sleep(1); main(split)")
    refused = slipway(project, "run", code=copy)
    assert refused.returncode == 7
    assert "component 'validate' stopped: data.parquet failed 1 of" in refused.stderr
    assert statuses(project) == {"ingest": "FINISHED", "validate": "FAILED", "split": "FINISHED"}
    log = files_of(runs(project, "tags.`slipway.step` = 'validate'")[0]) / "validate.log"
    assert "442 rows, but at least 1,000 are expected" in log.read_text()
    edit(project, "minimum_rows = 1_000", "minimum_rows = 442")
    mended = slipway(project, "run", "--json", code=copy)
    edit(program, "    import time; time.sleep(1); main(split)", "    main(split)")
    assert mended.returncode == 0, mended.stderr
    assert "validate " in mended.stderr
    assert [line.split()[0] for line in mended.stderr.splitlines() if line.endswith("(cached)")] == ["ingest", "split"]


def test_of_two_failures_side_by_side_both_are_recorded_and_the_first_is_told(copy: Path, tmp_path: Path) -> None:
    project = with_store(diabetes(tmp_path / "p"))
    edit(project, "[split]\nholdout_share = 0.3", "[validate]\nminimum_rows = 1_000\n[split]\nholdout_share = 1e-9")
    refused = slipway(project, "run", code=copy)
    assert refused.returncode == 7
    assert "component 'split'" not in refused.stderr
    assert statuses(project) == {"ingest": "FINISHED", "validate": "FAILED", "split": "FAILED"}
    log = files_of(runs(project, "tags.`slipway.step` = 'split'")[0]) / "split.log"
    assert "0 holdout rows" in log.read_text()
