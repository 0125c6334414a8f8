"""A real bare repository for each test, and fakes on it whose answers are held against GitHub's schemas."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fake_github.clients import Client, Make
from fake_github.fake import GitHub
from fake_github.origin import make_origin
from fake_github.shapes import misshapen


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_origin(tmp_path_factory.mktemp("origin") / "work")


@pytest.fixture
def bare(origin: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(origin, tmp_path / "bare.git"))


@pytest.fixture
def make(bare: Path) -> Iterator[Make]:
    """Start fakes with the settings given; at the end each must have answered in GitHub's shapes."""
    started: list[GitHub] = []
    with ExitStack() as running:

        def start(**settings: Any) -> GitHub:
            started.append(running.enter_context(GitHub(bare, **settings)))
            return started[-1]

        yield start
    assert [fault for github in started for fault in misshapen(github)] == []


@pytest.fixture
def github(make: Make) -> GitHub:
    """A public repository with mutable releases."""
    return make()


@pytest.fixture
def writer(github: GitHub) -> Client:
    """GITHUB_TOKEN with ``contents: write``."""
    return Client(github, github.token(contents="write"))


@pytest.fixture
def reader(github: GitHub) -> Client:
    """GITHUB_TOKEN with ``contents: read``."""
    return Client(github, github.token(contents="read"))
