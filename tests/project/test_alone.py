"""A component that MLflow runs alone leaves its log and its refusal with its run, where the pipeline finds them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from slipway.tables.data_frame import write_parquet
from tests.support.fork_server import ROOT, clean
from tests.support.projects import copy_store, files_of

ROWS = pd.DataFrame({"id": range(100), "y": [float(n % 7) for n in range(100)]})


def split_alone(folder: Path, key: str) -> tuple[int, Any]:
    from mlflow import MlflowClient

    copy_store(folder)
    write_parquet(ROWS, folder / "data.parquet")
    store = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(store)
    place = client.create_experiment("alone", artifact_location=(folder / "artifacts").as_uri())
    run = client.create_run(place).info.run_id
    done = subprocess.run(
        [sys.executable, "run.py", "--data", str(folder / "data.parquet"), "--target", "y", "--by", "group", "--key", key],
        cwd=ROOT / "components" / "split",
        env=clean(PYTHONPATH=str(ROOT / "src"), MLFLOW_TRACKING_URI=store, MLFLOW_RUN_ID=run),
        capture_output=True,
    )  # fmt: skip
    return done.returncode, client.get_run(run)


def test_a_refusal_is_a_tag_of_the_run_and_a_line_of_its_log(tmp_path: Path) -> None:
    code, run = split_alone(tmp_path, key="nobody")
    assert code == 3
    assert run.info.status == "FAILED"
    assert run.data.tags["slipway.refusal"].startswith("3 split.key")
    assert "nobody" in (files_of(run) / "split.log").read_text()
    assert [path.name for path in files_of(run).iterdir()] == ["split.log"]


def test_its_twin_leaves_files_and_scores(tmp_path: Path) -> None:
    code, run = split_alone(tmp_path, key="id")
    assert code == 0
    assert run.info.status == "FINISHED"
    assert run.data.metrics["train_rows"] + run.data.metrics["holdout_rows"] == 100
    assert {"train.parquet", "holdout.parquet", "scores.json"} <= {path.name for path in files_of(run).iterdir()}
