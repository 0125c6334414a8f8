"""What a job on Spark needs is looked for before Java is started, and what is missing is told in a sentence."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.batch.plan import Options
from slipway.batch.spark.session import explain_failure
from slipway.batch.spark.task import find_position
from slipway.errors import SettingsError, SparkError
from slipway.tables.chunks import UNIT, InputPosition
from tests.support.batch_jobs import some_rows, write_rows
from tests.support.bundles import make_bundle
from tests.support.flights import ROOT
from tests.support.spark_cluster import spark_python


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "in.csv", some_rows(5))
    make_bundle(tmp_path / "releases").rename(tmp_path / "bundle")
    return tmp_path


def batch(folder: Path, python: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "slipway.cli", "batch", "in.csv", "out", "--bundle", "bundle", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")} | variables
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert {path.name for path in folder.iterdir()} <= {"in.csv", "releases", "bundle"}
    return done


def test_a_missing_pyspark_is_told_with_the_lock_that_has_it(folder: Path) -> None:
    refused = batch(folder, Path(sys.executable), "--engine", "spark")
    assert refused.returncode == SparkError.exit_code
    assert (
        "needs pyspark, which is missing from" in refused.stderr and "install requirements-spark.lock" in refused.stderr
    )


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["PATH", "JAVA_HOME"])
def test_a_missing_java_is_told_with_the_place_that_was_looked_at(folder: Path, variable: str) -> None:
    nowhere = {"JAVA_HOME": "", "PATH": "/nowhere"} if variable == "PATH" else {"JAVA_HOME": "/nowhere"}
    refused = batch(folder, spark_python(), "--engine", "spark", **nowhere)
    assert refused.returncode == SparkError.exit_code
    assert f"there is no java in {variable}" in refused.stderr


@pytest.mark.slow
def test_a_master_at_which_nobody_listens_is_told_at_once(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused = batch(folder, spark_python(), "--engine", "spark", "--master", f"spark://127.0.0.1:{port}")
    assert refused.returncode == SparkError.exit_code
    assert f"the master spark://127.0.0.1:{port} cannot be reached" in refused.stderr
    assert "Connection refused" in refused.stderr


@pytest.mark.parametrize("master", ["spark:/host", "spark://host", "cluster", "http://host:7077"])
def test_a_master_that_is_no_address_is_refused_with_examples(folder: Path, master: str) -> None:
    refused = batch(folder, Path(sys.executable), "--engine", "spark", "--master", master)
    assert refused.returncode == SettingsError.exit_code
    assert f"--master must look like local[4], spark://host:7077, yarn or k8s://..., not '{master}'" in refused.stderr


def test_a_master_belongs_to_spark_alone_and_spark_to_folders_alone(folder: Path) -> None:
    refused = batch(folder, Path(sys.executable), "--master", "local[2]")
    assert refused.returncode == SettingsError.exit_code
    assert "--master local[2] needs --engine spark" in refused.stderr


@pytest.mark.parametrize(
    ("message", "sentence"),
    [("Traceback\nModuleNotFoundError: No module named 'onnxruntime'\n", "the Python of an executor has no 'onnxruntime'"),
     ('java.io.IOException: Cannot run program "python9": error=2', "an executor cannot run Python as 'python9'"),
     ("[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.9 than that in driver: 3.11.\nmore",
      "Python in worker has different version: 3.9 than that in driver: 3.11."),
     ("\n An error of its own\n\tat org.apache.spark.Whatever", "An error of its own; no dataset was published")],
)  # fmt: skip
def test_pages_of_java_become_a_sentence(message: str, sentence: str) -> None:
    assert explain_failure(message).startswith(sentence)


def test_a_part_begins_in_the_file_that_has_its_first_row() -> None:
    counts = [3, 0, 4]
    assert [find_position(row, counts) for row in range(7)] == [
        InputPosition(0, 0),
        InputPosition(0, 1),
        InputPosition(0, 2),
        InputPosition(2, 0),
        InputPosition(2, 1),
        InputPosition(2, 2),
        InputPosition(2, 3),
    ]


@pytest.mark.parametrize(("asked", "full"), [(400, 400), (UNIT, UNIT), (UNIT + 1, 2 * UNIT), (1 << 20, 1 << 20)])
def test_where_a_part_begins_can_be_known_since_a_full_part_is_whole_units(asked: int, full: int) -> None:
    assert Options(rows_per_part=asked).rows_of_full_part == full
