"""The bootstrap is what a slow and obvious one gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from slipway.contract.metrics import metrics_for
from slipway.contract.schema import Contract
from slipway.statistics.bootstrap import bootstrap, paired_difference, resamples
from slipway.statistics.metrics import score
from slipway.statistics.weighted_metrics import FEW_BLOCKS
from tests.support.scored_rows import BINARY, COLOURS, NUMBER, Array, binary_rows, colour_rows, number_rows, stormy_rows


def naive_intervals(
    contract: Contract, truth: npt.NDArray[np.generic], p: Array, blocks: npt.NDArray[np.int64], rounds: int, seed: int
) -> dict[str, Array]:
    """The slow way: copy the rows of every drawn block, and score the copy."""
    size = int(blocks.max()) + 1
    values = []
    for counts in np.concatenate(list(resamples(size, rounds=rounds, seed=seed))).astype(int):
        rows = np.concatenate([np.flatnonzero(blocks == block) for block in np.repeat(np.arange(size), counts)])
        values.append(score(contract, truth[rows], p[rows]))
    return {name: np.percentile([v[name] for v in values], (2.5, 97.5)) for name in values[0]}


@pytest.mark.parametrize("size", [7, FEW_BLOCKS + 36])
@pytest.mark.parametrize(
    ("contract", "rows"),
    [(BINARY, binary_rows), (COLOURS, colour_rows), (NUMBER, number_rows)],
    ids=["binary", "multi-class", "regression"],
)
def test_the_bootstrap_equals_copying_the_rows_of_each_drawn_block(
    contract: Contract, rows: Callable[[], tuple[npt.NDArray[np.generic], Array]], size: int
) -> None:
    truth, p = rows()
    blocks = np.random.default_rng(5).permutation(np.arange(len(truth)) % size)
    fast = bootstrap(contract, truth, p, blocks, rounds=40, seed=9)
    slow = naive_intervals(contract, truth, p, blocks, 40, 9)
    for name in set(metrics_for(contract)) - {"calibration_error"}:
        assert fast[name] == pytest.approx(slow[name], abs=1e-9), name


def test_the_calibration_errors_interval_keeps_the_bins_of_the_whole_sample() -> None:
    truth, p = binary_rows()
    low, high = bootstrap(BINARY, truth, p, np.arange(600), names=["calibration_error"])["calibration_error"]
    assert 0 < low < score(BINARY, truth, p)["calibration_error"] < high < 0.3


def test_the_interval_by_day_is_wider_than_by_row_where_days_differ() -> None:
    truth, p, day = stormy_rows(each=900)
    by_day = bootstrap(BINARY, truth, p, day)["log_loss"]
    by_row = bootstrap(BINARY, truth, p, np.arange(len(truth)))["log_loss"]
    assert by_day[1] - by_day[0] > 3 * (by_row[1] - by_row[0])


def test_the_interval_holds_the_score_and_the_seed_decides_it() -> None:
    truth, p, day = stormy_rows()
    first = bootstrap(BINARY, truth, p, day, seed=1)
    assert first == bootstrap(BINARY, truth, p, day, seed=1) != bootstrap(BINARY, truth, p, day, seed=2)
    for name, value in score(BINARY, truth, p).items():
        assert first[name][0] < value < first[name][1], name


def test_one_block_says_nothing_about_the_spread() -> None:
    truth, p = binary_rows()
    assert np.isnan(bootstrap(BINARY, truth, p, np.zeros(600))["roc_auc"]).all()


def test_an_interval_is_nan_when_too_many_rounds_have_a_single_class() -> None:
    truth, p = binary_rows(40)
    truth[:] = "on time"
    truth[0] = "late"
    intervals = bootstrap(BINARY, truth, p, np.arange(40))
    assert np.isnan(intervals["roc_auc"]).all() and np.isfinite(intervals["brier"]).all()


def test_the_difference_of_a_model_and_itself_is_exactly_zero() -> None:
    truth, p, day = stormy_rows()
    for metric in metrics_for(BINARY):
        assert paired_difference(BINARY, truth, p, p.copy(), day, metric=metric) == (0.0, 0.0, 0.0)


def test_a_worse_candidate_is_found_out_though_the_intervals_overlap() -> None:
    truth, p, day = stormy_rows()
    noisy = np.clip(p[:, 1] + np.random.default_rng(6).normal(size=len(p)) / 4, 0, 1)
    worse = np.column_stack([1 - noisy, noisy])
    difference, low, high = paired_difference(BINARY, truth, worse, p, day, metric="roc_auc")
    assert low < difference < high < 0
    own = score(BINARY, truth, worse)["roc_auc"] - score(BINARY, truth, p)["roc_auc"]
    assert difference == pytest.approx(own)
    assert bootstrap(BINARY, truth, worse, day)["roc_auc"][1] > bootstrap(BINARY, truth, p, day)["roc_auc"][0]


def test_the_difference_is_paired_on_the_same_resamples() -> None:
    truth, p = number_rows()
    blocks = np.arange(601) % 12
    other = p + 0.1
    drawn = np.concatenate(list(resamples(12, rounds=50, seed=3)))[:, blocks]
    each = [score(NUMBER, truth, other, w)["mae"] - score(NUMBER, truth, p, w)["mae"] for w in drawn]
    _, low, high = paired_difference(NUMBER, truth, other, p, blocks, metric="mae", rounds=50, seed=3)
    assert (low, high) == pytest.approx(tuple(np.percentile(each, (2.5, 97.5))))


def test_resamples_do_not_depend_on_how_they_are_cut_into_chunks() -> None:
    whole = np.concatenate(list(resamples(30, rounds=25, seed=1)))
    cut = np.concatenate(list(resamples(30, rounds=25, seed=1, chunk=7)))
    assert np.array_equal(whole, cut)
    assert (whole.sum(axis=1) == 30).all()


def test_scoring_warns_about_nothing() -> None:
    truth, p = binary_rows(30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bootstrap(BINARY, truth, p, np.arange(30))
        bootstrap(NUMBER, np.ones(30), p[:, 1], np.arange(30))
