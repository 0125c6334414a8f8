"""What tests of every folder share."""

from __future__ import annotations

import shutil

import pytest
from filelock import FileLock

from tests.flights import TOLD, Flights, ship


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test is among those of the workflows, so they begin first and nobody waits for them at the end."""
    items.sort(key=lambda item: "tests/workflows/" not in item.nodeid)


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Flights:
    """The example, shipped by whichever worker asks first and shared by all."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "flights"
    shared.mkdir(exist_ok=True)
    with FileLock(shared / "lock"):
        if (shared / TOLD).is_file():
            return Flights(shared / "repository")
        shutil.rmtree(shared / "repository", ignore_errors=True)
        return ship(shared / "repository")
