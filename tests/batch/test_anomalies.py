"""A dataset whose predictions are far from the reference of its release is odd; one like the reference is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slipway.batch.job import BatchRequest, BatchResult, score_dataset
from slipway.batch.plan import Options
from slipway.batch.policy import OnAnomaly, Policy
from slipway.bundle.release_file import verify
from slipway.errors import BundleError, SuspiciousPredictionsError
from tests.support.batch_jobs import run
from tests.support.bundles import make_bundle
from tests.support.drifting_rows import Columns, bundle_of, days, reference_bytes, written

SEPTEMBER = days(30, per_day=100)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of(tmp_path_factory.mktemp("releases"), SEPTEMBER)


def scored(folder: Path, rows: Columns, bundle: Path, on_odd: OnAnomaly = "warn", part: int = 1 << 20) -> BatchResult:
    source = written(folder / "in.parquet", rows)
    request = BatchRequest(
        str(source), folder / "out", Options(("time",), rows_per_part=part), Policy(on_anomaly=on_odd)
    )
    return score_dataset(request, verify(bundle))


def test_predictions_far_from_the_reference_warn_or_fail_as_asked(bundle: Path, tmp_path: Path) -> None:
    far = days(30, per_day=100, seed=1, shift=4.0)
    with pytest.raises(
        SuspiciousPredictionsError,
        match=r"'probability_late' is far from the reference of 1\.2\.3: .*no dataset was pub",
    ):
        scored(tmp_path, far, bundle, "fail")
    assert not (tmp_path / "out").exists()
    odd = scored(tmp_path, far, bundle).manifest["odd"]
    assert "probability_late" in {sentence.split("'")[1] for sentence in odd}
    assert all("more than 0.25 is large; single days of the reference reach at most 0." in sentence for sentence in odd)


@pytest.mark.parametrize("part", [1 << 20, 400])
def test_predictions_like_the_reference_pass(bundle: Path, tmp_path: Path, part: int) -> None:
    assert scored(tmp_path, days(30, per_day=100, seed=2), bundle, "fail", part).manifest["odd"] == []


def test_a_single_day_may_be_as_far_as_the_reference_has_days(bundle: Path, tmp_path: Path) -> None:
    hours = SEPTEMBER["time"].astype("datetime64[D]")
    means = {day: SEPTEMBER["distance"][hours == day].mean() for day in np.unique(hours)}
    furthest = max(means, key=lambda day: abs(means[day]))
    rows = {name: np.repeat(values[hours == furthest], 20) for name, values in SEPTEMBER.items()}
    assert scored(tmp_path, rows, bundle, "fail").manifest["odd"] == []


def test_too_few_rows_and_a_bundle_without_a_reference_say_nothing(bundle: Path, tmp_path: Path) -> None:
    far = days(2, per_day=20, shift=9.0)
    numbers = [s for s in scored(tmp_path, far, bundle).manifest["odd"] if "far from" in s]
    assert numbers == []
    (tmp_path / "old").mkdir()
    many = days(30, per_day=100, seed=1, shift=4.0)
    old = run(written(tmp_path / "x.parquet", many), tmp_path / "o", make_bundle(tmp_path / "old"), keep=("time",))
    assert old.manifest["odd"] == []


def test_rows_without_blocks_are_far_by_a_large_index_alone(tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "releases", reference=reference_bytes(SEPTEMBER, "row"))
    odd = scored(tmp_path, days(30, per_day=100, seed=1, shift=4.0), made).manifest["odd"]
    assert odd and all(sentence.endswith("and more than 0.25 is large") for sentence in odd)


def test_a_reference_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "releases", reference=b"{}")
    with pytest.raises(BundleError, match=r"reference\.json is malformed"):
        scored(tmp_path, SEPTEMBER, made)
