"""Real candidates and a champion, made once for all tests of the gate, and a `slipway` that starts at once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd
import pytest

from slipway.bundle.release_file import Bundle
from slipway.contract.schema import encode_contract
from slipway.inference.skops_file import save_model
from slipway.pipeline.candidate import Candidate
from slipway.steps.package.step import package
from slipway.tables.data_frame import write_parquet
from tests.deploy.candidates import (
    CLASSES,
    HOLDOUT,
    SPLIT,
    TRAIN,
    Build,
    contract_for,
    fitted,
    measured,
    released,
)
from tests.deploy.lives import Life
from tests.deploy.shipping import WarmSlipway
from tests.deploy.worlds import World


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Train, package and score a candidate as the pipeline does."""

    def candidate(
        train: pd.DataFrame = TRAIN,
        holdout: pd.DataFrame = HOLDOUT,
        *,
        max_iter: int = 40,
        seed: int = 0,
        target: str = "y",
        inputs: tuple[str, ...] = ("a", "b", "origin", "leak"),
        classes: tuple[str, ...] = CLASSES,
    ) -> Candidate:
        folder = tmp_path_factory.mktemp("candidate")
        contract = contract_for(target, inputs, classes)
        model = fitted(train, contract, target, max_iter, seed)
        files = [folder / name for name in ("model.skops", "holdout.parquet", "contract.json", "metrics.json")]
        write_parquet(train, folder / "train.parquet")
        save_model(model, files[0])
        write_parquet(holdout, files[1])
        files[2].write_bytes(encode_contract(contract))
        package(folder, model=files[0], train=files[1], holdout=files[1], contract=files[2])
        scores = measured(model, holdout, contract, target)
        files[3].write_text(json.dumps({"metrics": {name: {"value": value} for name, value in scores.items()}}))
        data = {"digest": "d" * 64, "through": "2013-09-30"}
        places = folder / "model", folder / "train.parquet", files[1], files[3]
        return Candidate("1", "runs:/1/model", *places, SPLIT, data, scores)

    return candidate


@pytest.fixture(scope="session")
def good(build: Build) -> Candidate:
    return build()


@pytest.fixture(scope="session")
def champion(good: Candidate, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return released(good, tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="session")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """The life of one target, of which tests may change no more than the journal's times."""
    return Life(tmp_path_factory.mktemp("life"), seed=5)


@pytest.fixture(scope="session")
def slipway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmSlipway]:
    program = WarmSlipway(tmp_path_factory.mktemp("said"))
    yield program
    program.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One small shipped project, made once for each worker."""
    with World(tmp_path_factory.mktemp("world")) as world:
        yield world
