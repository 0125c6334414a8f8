"""The release that the tests of drift compare with."""

from __future__ import annotations

import pytest

from slipway.bundle.release_file import verify
from slipway.drift.reference import ReferenceSide, read_bundle_reference
from tests.support.drifting_rows import SEPTEMBER, bundle_of


@pytest.fixture(scope="session")
def against(tmp_path_factory: pytest.TempPathFactory) -> ReferenceSide:
    return read_bundle_reference(verify(bundle_of(tmp_path_factory.mktemp("releases"), SEPTEMBER)))
