"""What tests of every folder share."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from fake_github.fake import GitHub
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

from components.package.run import package
from slipway.bundle.release_file import Bundle
from slipway.commands.project.new import new_project
from slipway.contract.schema import encode_contract
from slipway.github.client import connect
from slipway.inference.skops_file import save_model
from slipway.pipeline.candidate import Candidate
from slipway.tables.data_frame import write_parquet
from tests.support.candidates import CLASSES, HOLDOUT, SPLIT, TRAIN, Build, contract_for, fitted, measured, released
from tests.support.flights import Flights, ship
from tests.support.git_repositories import ROOT, environment
from tests.support.made_once import made_once, share_in
from tests.support.new_projects import DESCRIPTION, NAME
from tests.support.project_states import World
from tests.support.random_histories import Life
from tests.support.release_files import ALL, Client, bare_repository

# Bytecode is written even where the machine forbids it: hundreds of processes import Slipway, and pytest rewrites each test.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# But not of all packages of the environments that tests make, of which they use few.
os.environ["UV_COMPILE_BYTECODE"] = "0"

# A busy machine fails no property: no time counts, the same examples come each time, and a failure says how to repeat it.
settings.register_profile(
    "slipway", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("slipway")


_LONGEST = re.compile(r"/test_(story|reproduce|upgrade_complete)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests begin first, and then the others of the workflows, so nobody waits for them at the end."""
    items.sort(key=lambda item: (not _LONGEST.search(item.nodeid), "tests/workflows/" not in item.nodeid))


@pytest.fixture(scope="session", autouse=True)
def _shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> None:
    """What is made once is made in the folder that the workers have in common."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "shared"
    shared.mkdir(exist_ok=True)
    share_in(shared)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Nobody computes with threads, which burn the cores of the other workers while they wait for one another."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def flights() -> Flights:
    """The example, shipped once and shared by all."""
    return Flights(made_once("flights", lambda folder: ship(folder / "repository")) / "repository")


@pytest.fixture(scope="session")
def churn() -> Path:
    """A project as `slipway new` makes it, made once since it takes the package index; to change it, copy it."""
    return made_once("new", lambda folder: new_project(folder / NAME, description=DESCRIPTION)) / NAME


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
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One small shipped project, made once for each worker."""
    with World(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    """A public repository whose published releases are immutable, as they should be."""
    with GitHub(bare_repository(tmp_path / "origin"), immutable_releases=True) as github:
        yield github
        assert github.unknown == []


@pytest.fixture
def client(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Our client with all the powers that the workflows' jobs share between them."""
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", github.full_name)
    monkeypatch.setenv("GH_TOKEN", github.token("octocat", **ALL))
    monkeypatch.setenv("SLIPWAY_GITHUB_TIMEOUT", "20")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("SLIPWAY_TARGET", raising=False)
    return connect()


@pytest.fixture
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment of its own, in which no hostile text may leave the canary that it touches."""
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    yield
    assert [*tmp_path.rglob("canary"), *ROOT.glob("canary")] == []


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file behind ``$GITHUB_OUTPUT``."""
    path = tmp_path / "github-output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(path))
    return path
