"""A bundle is sealed whole, with the same digest each time, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.bundle.release_file import Bundle, folder_name
from slipway.bundle.seal import seal
from slipway.bundle.verdict import Rule, Verdict, verdict_sentence
from slipway.contract.schema import encode_contract
from slipway.errors import BundleError, GateRefused, NotFoundError, StorageError
from slipway.inference.scorer import load
from slipway.pipeline.candidate import Candidate
from slipway.storage.digests import file_digest
from slipway.versioning.checkout_version import Version
from tests.support.bundles import GOLDEN, answers, labels, make_contract, model_bytes
from tests.support.failing_writes import largest_file

VERSION = Version("1.4.0", "c" * 40, dirty=False, exact=True)
PASSED = Verdict("publish", (Rule("floor.roc_auc", 0.68, 0.7, True, "roc_auc 0.700 is at least 0.680"),), True)
REFUSED = Verdict(
    "refuse", (Rule("floor.roc_auc", 0.68, 0.612, False, "roc_auc 0.612 is below the required 0.680"),), False
)


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    model = tmp_path / "run" / "model"
    (model / "notes").mkdir(parents=True)
    predictions = answers(GOLDEN)
    golden = {"inputs": GOLDEN, "predictions": predictions.tolist(), "labels": labels(predictions)}
    (model / "model.onnx").write_bytes(model_bytes("classification", 0.0))
    (model / "contract.json").write_bytes(encode_contract(make_contract()))
    (model / "golden.json").write_text(json.dumps(golden))
    (model / "MLmodel").write_text("flavors: {}\n")
    (model / "notes" / "more.txt").write_text("kept in its folder")
    metrics = tmp_path / "run" / "metrics.json"
    metrics.write_text('{"metrics": {}}')
    split = {"by": "time", "train_until": "2013-10-01", "holdout_from": "2013-10-01"}
    data = {"digest": "d" * 64, "through": "2013-09-30"}
    return Candidate(
        "1", "runs:/1/model", model, tmp_path / "no", tmp_path / "no", metrics, split, data, {"roc_auc": 0.7}
    )


def sealed(candidate: Candidate, into: Path, version: Version = VERSION, verdict: Verdict = PASSED) -> Bundle:
    return seal(candidate, version.text, version.commit, verdict, name="flights", lock_digest="1" * 64, into=into)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_sealed_candidate_is_a_bundle_that_loads_and_reproduces_its_golden_rows(
    candidate: Candidate, tmp_path: Path
) -> None:
    bundle = sealed(candidate, tmp_path / "releases")
    assert bundle.path.name == folder_name("1.4.0", bundle.digest)
    load(bundle.path, expected_digest=bundle.digest).check_golden()
    assert (bundle.path / "notes" / "more.txt").read_text() == "kept in its folder"


def test_the_release_says_where_it_came_from_and_what_the_gate_said(candidate: Candidate, tmp_path: Path) -> None:
    bundle = sealed(candidate, tmp_path)
    release = bundle.release
    assert (release.name, release.version, release.commit, release.engine) == ("flights", "1.4.0", "c" * 40, "onnx")
    assert (release.data, release.split, release.scores) == (candidate.data, candidate.split, candidate.scores)
    assert release.verdict == json.loads((bundle.path / "verdict.json").read_bytes())
    assert release.verdict["rules"][0]["rule"] == "floor.roc_auc"
    assert release.files["metrics.json"] == file_digest(candidate.metrics)


def test_the_same_candidate_has_the_same_digest_anywhere_and_any_other_has_another(
    candidate: Candidate, tmp_path: Path
) -> None:
    first = sealed(candidate, tmp_path / "a")
    assert sealed(replace(candidate, run_id="2"), tmp_path / "b").digest == first.digest
    assert sealed(candidate, tmp_path / "a", Version("1.4.1", "c" * 40, False, True)).digest != first.digest
    candidate.metrics.write_text("{}")
    assert sealed(candidate, tmp_path / "a").digest != first.digest


def test_sealing_twice_keeps_the_bundle_that_is_there(candidate: Candidate, tmp_path: Path) -> None:
    first = sealed(candidate, tmp_path / "releases")
    inode = first.path.stat().st_ino
    assert sealed(candidate, tmp_path / "releases") == first
    assert first.path.stat().st_ino == inode
    assert names_in(tmp_path / "releases") == [first.path.name]


def test_a_damaged_bundle_in_the_place_is_said_aloud_and_left_alone(candidate: Candidate, tmp_path: Path) -> None:
    first = sealed(candidate, tmp_path / "releases")
    (first.path / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(BundleError, match=r"'model.onnx'.*has changed"):
        sealed(candidate, tmp_path / "releases")
    assert names_in(tmp_path / "releases") == [first.path.name]


def test_a_disk_that_takes_no_more_leaves_nothing_behind(candidate: Candidate, tmp_path: Path) -> None:
    (candidate.model / "large.bin").write_bytes(bytes(100_000))
    with largest_file(50_000), pytest.raises(StorageError, match="no partial file is left"):
        sealed(candidate, tmp_path / "releases")
    assert names_in(tmp_path / "releases") == []
    assert sealed(candidate, tmp_path / "releases").release.version == "1.4.0"


def test_a_folder_that_cannot_be_made_is_a_storage_error(candidate: Candidate, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match=r"1\.4\.0 could not be sealed"):
        sealed(candidate, tmp_path / "file" / "releases")


def test_what_the_gate_refused_is_never_sealed(candidate: Candidate, tmp_path: Path) -> None:
    with pytest.raises(GateRefused, match=r"roc_auc 0\.612 is below the required 0\.680"):
        sealed(candidate, tmp_path / "releases", verdict=REFUSED)
    assert not (tmp_path / "releases").exists()


@pytest.mark.parametrize("name", ["MLmodel", "contract.json", "golden.json", "../metrics.json"])
def test_a_candidate_that_lacks_a_file_is_not_sealed(candidate: Candidate, tmp_path: Path, name: str) -> None:
    (candidate.model / name).unlink()
    with pytest.raises(NotFoundError, match=Path(name).name):
        sealed(candidate, tmp_path / "releases")


def test_a_verdict_is_one_sentence_with_both_numbers_and_the_state_of_the_world() -> None:
    why = "gate refused 1.4.0: roc_auc 0.612 is below the required 0.680"
    assert verdict_sentence(REFUSED, "1.4.0", "1.3.2") == f"{why}; the champion is still 1.3.2"
    assert verdict_sentence(REFUSED, "1.4.0", None) == f"{why}; there is still no champion"
    assert "all 1 rules passed; first release, so there was no champion to compare with" in verdict_sentence(
        PASSED, "1.4.0", None
    )
    assert "it can replace the champion 1.3.2" in verdict_sentence(Verdict("publish", (), False), "1.4.0", "1.3.2")
