"""The release that the tests of drift compare with."""

from __future__ import annotations

import pytest

from slipway.bundle.release_file import verify
from slipway.drift.reference import Against, of_bundle
from tests.support.drifting_rows import SEPTEMBER, bundle_of


@pytest.fixture(scope="session")
def against(tmp_path_factory: pytest.TempPathFactory) -> Against:
    return of_bundle(verify(bundle_of(tmp_path_factory.mktemp("releases"), SEPTEMBER)))
