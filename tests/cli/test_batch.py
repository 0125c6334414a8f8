"""What `slipway batch` prints and returns, and which of its options belong to a dataset alone."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from slipway.bundle.release_file import verify
from slipway.errors import ContractError, DataError, SettingsError, StorageError
from tests.support.batch_jobs import some_rows, write_rows
from tests.support.bundles import make_bundle
from tests.support.flights import BIN


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "in.csv", some_rows(50))
    make_bundle(tmp_path / "releases").rename(tmp_path / "bundle")
    return tmp_path


def batch(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "slipway"), "batch", *arguments, "--bundle", "bundle"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_it_says_what_it_did_and_that_there_is_nothing_to_do(folder: Path) -> None:
    first, second = batch(folder, "in.csv", "out"), batch(folder, "in.csv", "out")
    assert (first.returncode, second.returncode) == (0, 0)
    assert re.fullmatch(r"scored 50 of 50 rows with 1\.2\.3 -> out \(\d\.\d\d s, digest [0-9a-f]{12}\)\n", first.stdout)
    assert second.stdout == "nothing to do: out already contains these 50 rows, scored with 1.2.3\n"


def test_it_answers_machines_with_the_manifest(folder: Path) -> None:
    told = json.loads(batch(folder, "in.csv", "out", "--keep", "id", "--json").stdout)
    assert told["state"] == "scored"
    assert told["digest"] == json.loads((folder / "out/_slipway.json").read_text())["digest"]
    assert "carrier" not in pq.read_table(folder / "out").column_names


def test_bad_rows_have_the_exit_code_of_the_contract_until_they_are_allowed(folder: Path) -> None:
    rows = some_rows(50)
    rows["carrier"][3] = "ZZ"
    write_rows(folder / "in.csv", rows)
    refused = batch(folder, "in.csv", "out")
    assert refused.returncode == ContractError.exit_code
    assert "1 of the 50 rows of in.csv break the contract" in refused.stderr
    allowed = batch(folder, "in.csv", "out", "--max-invalid", "2%")
    assert re.search(r"scored 49 of 50 rows with 1\.2\.3 -> out \(.*\); 1 invalid in out/_quarantine\n", allowed.stdout)
    assert "resuming after 1 finished part (50 rows)" in allowed.stderr


def test_kept_columns_may_be_named_in_one_text_as_a_workflow_has_it(folder: Path) -> None:
    kept = [("--keep", "id, seats"), ("--keep", "id", "--keep", '"seats"'), ("--keep", "id\nseats")]
    for number, given in enumerate(kept):
        assert batch(folder, "in.csv", f"out{number}", *given).returncode == 0
        assert pq.read_table(folder / f"out{number}").column_names[:3] == ["id", "seats", "prediction"]


def test_two_bundles_at_once_are_refused(folder: Path) -> None:
    refused = batch(folder, "in.csv", "out", "--github")
    assert refused.returncode == SettingsError.exit_code
    assert "give one of them" in refused.stderr


def test_another_input_needs_overwrite(folder: Path) -> None:
    batch(folder, "in.csv", "out")
    write_rows(folder / "in.csv", some_rows(60, seed=1))
    assert batch(folder, "in.csv", "out").returncode == StorageError.exit_code
    assert batch(folder, "in.csv", "out", "--overwrite").returncode == 0


def test_of_one_file_it_says_what_it_did_and_leaves_nothing_else(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    said = batch(folder, "in.csv", "out.csv").stdout
    assert re.fullmatch(r"scored 50 of 50 rows with 1\.2\.3 -> out\.csv \(\d\.\d\d s\)\n", said)
    told = json.loads(batch(folder, "in.csv", "out.csv", "--json").stdout)
    assert {**told, "seconds": 0} == {"rows": 50, "seconds": 0, "release": "1.2.3", "out": "out.csv",
                                      "digest": verify(folder / "bundle").digest}  # fmt: skip
    assert {path.name for path in folder.iterdir()} == {*before, "out.csv"}


def test_a_name_with_a_suffix_is_one_file_that_only_keep_belongs_to(folder: Path) -> None:
    assert batch(folder, "in.csv", "out.parquet", "--keep", "id").returncode == 0
    assert (folder / "out.parquet").is_file()
    assert "carrier" not in pq.read_table(folder / "out.parquet").column_names
    refused = batch(folder, "in.csv", "out.parquet", "--max-invalid", "2%")
    assert refused.returncode == SettingsError.exit_code
    assert "name a folder for a dataset" in refused.stderr


@pytest.mark.parametrize("name", ["out.xlsx", "out.JSONL", "out.tsv", "out.cvs", "out.parqet", "out.csv.zip"])
def test_a_suffix_that_is_not_written_is_refused_instead_of_becoming_a_folder(folder: Path, name: str) -> None:
    before = sorted(folder.iterdir())
    refused = batch(folder, "in.csv", name)
    assert refused.returncode == SettingsError.exit_code
    assert f"{name} cannot be written: a single file must end in .csv, .csv.gz or .parquet, not " in refused.stderr
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("name", ["scores.v2", "2026.11.28", "scores.final", "out.d"])
def test_a_folder_can_have_a_dot_in_its_name(folder: Path, name: str) -> None:
    assert batch(folder, "in.csv", name).returncode == 0
    assert (folder / name / "_slipway.json").is_file()


@pytest.mark.parametrize(("old", "new"), [("--on-odd", "--on-anomaly"), ("--max-bad", "--max-invalid")])
def test_a_former_option_is_refused_with_its_new_name(folder: Path, old: str, new: str) -> None:
    refused = batch(folder, "in.csv", "out", old, "fail")
    assert refused.returncode == 2
    assert f"`{old}` is now `{new}`" in refused.stderr
    assert not (folder / "out").exists()


@pytest.mark.parametrize("out", ["out", "out.csv"])
def test_an_input_that_does_not_exist_is_an_error_of_the_data_and_named(folder: Path, out: str) -> None:
    refused = batch(folder, "nofile", out)
    assert refused.returncode == DataError.exit_code
    assert "nofile" in refused.stderr
    assert not (folder / out).exists()


def test_nothing_stays_beside_a_dataset(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    assert batch(folder, "in.csv", "out").returncode == 0
    assert {path.name for path in folder.iterdir()} == {*before, "out"}
