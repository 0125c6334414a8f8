"""The features function returns what the settings and the contract say of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from slipway.pipeline.parameters import ingest_parameters
from slipway.settings.settings import load_settings
from slipway.steps.ingest import build_rows, fetch

ROOT = next(folder for folder in Path(__file__).parents if (folder / "slipway.toml").is_file())
SETTINGS = load_settings(ROOT / "slipway.toml")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """All rows of the pinned data."""
    parameters = ingest_parameters(SETTINGS, ROOT / "contract.json")
    with fetch(parameters["sources"]) as files:
        return build_rows(parameters["function"], files)


def test_there_is_a_row_for_each_case_with_every_input(rows: pd.DataFrame) -> None:
    assert len(rows) > 0
    assert set(SETTINGS.features) <= set(rows.columns)


def test_every_row_has_a_target_that_the_settings_name(rows: pd.DataFrame) -> None:
    target = rows[SETTINGS.data.target]
    assert not target.isna().any()
    if SETTINGS.data.classes:
        assert set(target.unique()) == set(SETTINGS.data.classes)


@pytest.mark.skipif(not SETTINGS.data.time, reason="the rows have no time")
def test_every_row_has_a_time(rows: pd.DataFrame) -> None:
    assert pd.api.types.is_datetime64_any_dtype(rows[SETTINGS.data.time])
    assert not rows[SETTINGS.data.time].isna().any()
