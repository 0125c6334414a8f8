"""A dataset holds every row of every input once, in order, with the scorer's own numbers."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import dataset

from slipway.batch.job import BatchRequest, score_dataset
from slipway.batch.plan import Options
from slipway.bundle.release_file import verify
from slipway.errors import DataError, SettingsError, StorageError
from slipway.tables.input_files import find_inputs
from slipway.tables.readers import chunks_of
from tests.support.batch_jobs import agree, joined, run, some_rows, write_rows
from tests.support.bundles import flip, make_bundle

KINDS = ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet", "arrow", "feather"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_same_answers(tmp_path: Path, kind: str) -> None:
    rows = some_rows(3000)
    write_rows(tmp_path / f"in.{kind}", rows)
    done = run(tmp_path / f"in.{kind}", tmp_path / "out", make_bundle(tmp_path / "releases"), part=1000)
    table = pq.read_table(tmp_path / "out")
    agree(table, rows)
    assert table["id"].to_pylist() == rows["id"]
    assert table["seats"].to_pylist() == rows["seats"]
    assert set(table["release"].to_pylist()) == {"1.2.3"}
    assert done.manifest["rows"] == {"in": 3000, "scored": 3000, "quarantined": 0}
    assert [part["rows"] for part in done.manifest["parts"]] == [1000, 1000, 1000]


def test_the_files_of_a_folder_and_of_a_glob_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    some = [some_rows(700, seed) for seed in range(3)]
    for seed, place in enumerate(("a.parquet", "deep/b.parquet", "deep/c.parquet")):
        write_rows(tmp_path / "in" / place, some[seed], row_group_size=300)
    write_rows(tmp_path / "in/_hidden/x.parquet", some[0])
    (tmp_path / "in/notes.txt").write_text("no input")
    bundle = make_bundle(tmp_path / "releases")
    done = run(tmp_path / "in", tmp_path / "all", bundle, part=500)
    assert [file["name"] for file in done.manifest["inputs"]] == ["a.parquet", "deep/b.parquet", "deep/c.parquet"]
    assert [file["rows"] for file in done.manifest["inputs"]] == [700, 700, 700]
    assert pq.read_table(tmp_path / "all")["id"].to_pylist() == joined(*some)["id"]
    agree(pq.read_table(tmp_path / "all"), joined(*some))
    run(f"{tmp_path}/in/deep/*.parquet", tmp_path / "some", bundle)
    assert pq.read_table(tmp_path / "some")["id"].to_pylist() == joined(*some[1:])["id"]


@pytest.mark.parametrize("kind", ["parquet", "csv.gz", "jsonl"])
def test_a_uri_is_read_through_fsspec(tmp_path: Path, kind: str) -> None:
    rows = some_rows(100)
    path = write_rows(tmp_path / f"in.{kind}", rows)
    memory = fsspec.filesystem("memory")
    memory.pipe(f"/slipway-{kind}/in.{kind}", path.read_bytes())
    bundle = make_bundle(tmp_path / "releases")
    run(f"memory://slipway-{kind}", tmp_path / "remote", bundle)
    run(path.as_uri(), tmp_path / "local", bundle)
    for out in ("remote", "local"):
        agree(pq.read_table(tmp_path / out), rows)


def test_the_manifest_names_every_byte_of_the_dataset(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.parquet", some_rows(900))
    done = run(source, tmp_path / "out", make_bundle(tmp_path / "releases"), keep=("id",), part=400)
    told = json.loads((tmp_path / "out/_slipway.json").read_bytes())
    assert told == done.manifest
    assert told["inputs"][0]["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    for part in told["parts"]:
        content = (tmp_path / "out" / part["name"]).read_bytes()
        assert (part["sha256"], part["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"_slipway.json", *(part["name"] for part in told["parts"])}


def test_the_manifest_tells_how_inputs_and_predictions_are_distributed(tmp_path: Path) -> None:
    rows = some_rows(5000)
    told = run(write_rows(tmp_path / "in.csv", rows), tmp_path / "out", make_bundle(tmp_path / "r"), part=1000).manifest
    distance, seats = told["inputs_distribution"]["distance"], told["inputs_distribution"]["seats"]
    assert (distance["min"], distance["max"]) == (min(rows["distance"]), max(rows["distance"]))
    assert distance["mean"] == pytest.approx(sum(rows["distance"]) / 5000)
    assert abs(distance["quantiles"]["0.5"]) < 0.25
    assert seats["nulls"] == rows["seats"].count(None)
    predicted = pq.read_table(tmp_path / "out")["prediction"].to_pylist()
    counts = told["predictions_distribution"]["prediction"]["values"]
    assert counts == {label: predicted.count(label) for label in counts}
    assert sum(counts.values()) == 5000


def test_parts_can_be_csv(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.csv", some_rows(50))
    request = BatchRequest(str(source), tmp_path / "out", Options(format="csv", rows_per_part=20))
    score_dataset(request, verify(make_bundle(tmp_path / "releases")))
    assert dataset.dataset(tmp_path / "out", format="csv").count_rows() == 50


def test_a_parquet_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    columns = {name: np.random.default_rng(0).random(1_000_000) for name in "abcd"}
    path = write_rows(tmp_path / "in.parquet", columns, row_group_size=1 << 15, use_dictionary=False)
    (file,) = find_inputs(str(path))
    schema, before = pq.read_schema(path), pa.total_allocated_bytes()
    allocated = [pa.total_allocated_bytes() - before for _ in chunks_of(file, 0, 0, schema)]
    assert max(allocated) < file.bytes / 2


def test_a_champion_change_midway_does_not_mix(tmp_path: Path) -> None:
    first = make_bundle(tmp_path / "releases", "1.0.0")
    second = make_bundle(tmp_path / "releases", "2.0.0", bias=1.0)
    flip(tmp_path, first)
    source = write_rows(tmp_path / "in.parquet", some_rows(500))
    run(source, tmp_path / "out", tmp_path / "current", part=100,
        progress=lambda plan: lambda rows, place: flip(tmp_path, second))  # fmt: skip
    assert set(pq.read_table(tmp_path / "out")["release"].to_pylist()) == {"1.0.0"}


def test_files_that_disagree_about_a_kept_column_are_refused_by_name(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "releases")
    for name, kind in (("a", pa.int32()), ("b", pa.string())):
        rows = {"distance": [1.0], "carrier": ["AA"], "note": pa.array([1], pa.int32()).cast(kind)}
        write_rows(tmp_path / f"in/{name}.parquet", rows)
    with pytest.raises(DataError, match=r"'note' is int32 in .*a\.parquet but string in .*b\.parquet"):
        run(tmp_path / "in", tmp_path / "out", bundle)
    run(tmp_path / "in", tmp_path / "out", bundle, keep=("carrier",))
    assert pq.read_table(tmp_path / "out").num_rows == 2


def test_a_place_that_cannot_hold_a_dataset_is_refused_at_once(tmp_path: Path) -> None:
    bundle, source = make_bundle(tmp_path / "releases"), write_rows(tmp_path / "in/a.csv", some_rows(5))
    with pytest.raises(SettingsError, match="inside the input"):
        run(source.parent, tmp_path / "in/out", bundle)
    with pytest.raises(StorageError, match="no such folder"):
        run(source, tmp_path / "nowhere/out", bundle)
    with pytest.raises(StorageError, match="it is a file"):
        run(tmp_path / "in", source.rename(tmp_path / "out"), bundle)
    with pytest.raises(SettingsError, match="must be a whole number or a percentage"):
        run(tmp_path / "in", tmp_path / "other", bundle, max_bad="some")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_no_training_library_is_imported(tmp_path: Path, kind: str) -> None:
    source = write_rows(tmp_path / f"in.{kind}", some_rows(100))
    program = (
        "import sys; from pathlib import Path; from slipway.batch.job import BatchRequest, score_dataset\n"
        "from slipway.bundle.release_file import verify\n"
        "score_dataset(BatchRequest(sys.argv[1], Path(sys.argv[2])), verify(Path(sys.argv[3])))\n"
        "print(sorted({'pandas', 'sklearn', 'mlflow', 'pydantic', 'scipy', 'onnx'} & set(sys.modules)))"
    )
    arguments = [str(source), str(tmp_path / "out"), str(make_bundle(tmp_path / "releases"))]
    command = [sys.executable, "-c", program, *arguments]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_an_input_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        run(tmp_path / "nowhere", tmp_path / "out", make_bundle(tmp_path / "releases"))
