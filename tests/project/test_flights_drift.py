"""Drift on the example that ships: October alarms against the release of September, and September not against itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from components.ingest.flights import features
from slipway.bundle.release_file import verify
from slipway.drift.reference import read_bundle_reference
from slipway.drift.rescore import rescore_rows
from slipway.drift.rows import Rows, RowSelection, read_rows
from slipway.settings.settings import SETTINGS_FILE, load_settings
from slipway.statistics.time_blocks import calendar_numbers
from slipway.tables.source_uri import local_path
from tests.benchmarks.drift import Side, smallest_chances
from tests.support.flights import Flights

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def october(flights: Flights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flights of October, which the release of September has not seen."""
    sources = load_settings(flights.root / SETTINGS_FILE).data.sources
    rows = features({name: path for name, source in sources.items() if (path := local_path(source.uri))})
    path = tmp_path_factory.mktemp("october") / "october.parquet"
    rows[rows["time"].dt.month == 10].to_parquet(path)
    return path


def test_october_alarms_against_the_release_of_september_and_says_how_the_model_does(
    flights: Flights, october: Path
) -> None:
    done = flights.slipway("drift", str(october), "--label", "late", "--json", check=False)
    assert done.returncode == 21, done.stderr
    told = json.loads(done.stdout)
    found = {finding["column"]: finding for finding in told["windows"][0]["findings"]}
    assert (
        found["temp"]["drifted"] and found["temp"]["stability_index"] > 0.5 > 0.1 > found["distance"]["stability_index"]
    )
    (minimum,) = [bound for bound in told["live"]["bounds"] if bound["rule"] == "floor.roc_auc"]
    assert 0.65 < minimum["value"] < 0.69 and not minimum["broken"]


def test_september_alarms_against_itself_no_more_often_than_stated(flights: Flights) -> None:
    """Thirty of the 200 splits; ``tests/benchmarks/drift.py`` does them all."""
    against = read_bundle_reference(verify(flights.bundle))
    assert against.scorer
    holdout = str(flights.files_of("split") / "holdout.parquet")
    parts = [rescore_rows(rows, against.scorer) for rows in read_rows(holdout, RowSelection(against.contract, "time"))]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in against.reference.columns}
    moments = np.concatenate([part.times for part in parts if part.times is not None])
    days = calendar_numbers(moments, "day")

    def half(generator: np.random.Generator) -> Side:
        return np.isin(days, generator.choice(np.unique(days), 15, replace=False))

    chances = np.array(smallest_chances(Rows(columns, moments), "day", 30, half))
    for rate in (0.01, 0.05, 0.2):
        found = int(np.sum(chances <= rate))
        assert stats.binomtest(found, 30, rate, alternative="greater").pvalue > 0.05, (rate, found)
    assert np.median(chances) > 0.1 and len(set(chances)) > 20
