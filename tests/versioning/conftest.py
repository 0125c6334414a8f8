"""Every test here runs with an environment of its own."""

import pytest


@pytest.fixture(autouse=True)
def _own_environment(own_environment: None) -> None:
    pass
