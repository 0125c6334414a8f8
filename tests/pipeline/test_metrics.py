"""The metrics are scikit-learn's, and the bootstrap is what a slow and obvious one gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn import metrics as reference

from pipeline.component.contract import Contract, outputs_of
from pipeline.component.metrics import (
    FEW_BLOCKS,
    HIGHER_IS_BETTER,
    blocks_of,
    bootstrap,
    higher_is_better,
    metrics_for,
    paired_difference,
    resamples,
    score,
)
from pipeline.errors import DataError, SettingsError

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.object_]


def contract_of(*classes: str) -> Contract:
    if classes:
        return Contract("try", "classification", (), outputs_of("classification", classes), classes)
    return Contract("try", "regression", (), outputs_of("regression", ()))


BINARY = contract_of("on time", "late")
COLOURS = contract_of("red", "green", "blue")
NUMBER = contract_of()


def binary_rows(rows: int = 600, seed: int = 0) -> tuple[Labels, Array]:
    """Labels and scores with many ties: only twenty different probabilities."""
    generator = np.random.default_rng(seed)
    late = np.round(generator.random(rows) * 20) / 20
    truth = np.where(generator.random(rows) < 0.2 + late / 2, "late", "on time").astype(object)
    return truth, np.column_stack([1 - late, late])


def colour_rows(rows: int = 600) -> tuple[Labels, Array]:
    generator = np.random.default_rng(1)
    raw = np.round(generator.random((rows, 3)), 1) + 0.05
    chosen = (raw + generator.random((rows, 3))).argmax(axis=1)
    return np.array(COLOURS.classes, object)[chosen], raw / raw.sum(axis=1, keepdims=True)


def number_rows(rows: int = 601) -> tuple[Array, Array]:
    generator = np.random.default_rng(2)
    truth = 1e6 + generator.normal(size=rows)
    return truth, truth + np.round(generator.normal(size=rows) / 2, 1)


def weights_for(rows: int) -> Array:
    return np.random.default_rng(3).integers(0, 4, rows).astype(np.float64)


@pytest.mark.parametrize("weighted", [False, True])
def test_binary_metrics_equal_scikit_learns_with_ties_and_weights(weighted: bool) -> None:
    truth, p = binary_rows()
    weights = weights_for(len(truth)) if weighted else None
    ours, late = score(BINARY, truth, p, weights), truth == "late"
    assert ours["roc_auc"] == pytest.approx(reference.roc_auc_score(late, p[:, 1], sample_weight=weights), abs=1e-12)
    expected = reference.average_precision_score(late, p[:, 1], sample_weight=weights)
    assert ours["average_precision"] == pytest.approx(expected, abs=1e-12)
    assert ours["log_loss"] == pytest.approx(reference.log_loss(late, p, sample_weight=weights), rel=1e-12)
    assert ours["brier"] == pytest.approx(reference.brier_score_loss(late, p[:, 1], sample_weight=weights), rel=1e-12)
    guess = np.where(p[:, 1] > 0.5, "late", "on time")
    assert ours["accuracy"] == pytest.approx(reference.accuracy_score(truth, guess, sample_weight=weights))


def test_the_last_class_of_the_contract_is_the_positive_one() -> None:
    truth, p = binary_rows()
    turned = contract_of("late", "on time")
    share = reference.average_precision_score(truth == "on time", p[:, 0])
    assert score(turned, truth, p[:, ::-1])["average_precision"] == pytest.approx(share)


@pytest.mark.parametrize("weighted", [False, True])
def test_multi_class_metrics_equal_scikit_learns(weighted: bool) -> None:
    truth, p = colour_rows()
    weights = weights_for(len(truth)) if weighted else None
    ours, labels = score(COLOURS, truth, p, weights), list(COLOURS.classes)
    guess = np.array(labels, object)[p.argmax(axis=1)]
    numbers = np.array([labels.index(label) for label in truth])
    area = reference.roc_auc_score(numbers, p, multi_class="ovr", average="macro", sample_weight=weights)
    assert ours["roc_auc"] == pytest.approx(area, abs=1e-12)
    assert ours["log_loss"] == pytest.approx(reference.log_loss(numbers, p, sample_weight=weights), rel=1e-12)
    assert ours["accuracy"] == pytest.approx(reference.accuracy_score(truth, guess, sample_weight=weights))
    assert ours["f1_macro"] == pytest.approx(reference.f1_score(truth, guess, average="macro", sample_weight=weights))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [600, 601])
def test_regression_metrics_equal_scikit_learns_even_around_a_million(rows: int, weighted: bool) -> None:
    truth, p = number_rows(rows)
    weights = weights_for(rows) if weighted else None
    ours = score(NUMBER, truth, p, weights)
    assert ours["rmse"] == pytest.approx(reference.root_mean_squared_error(truth, p, sample_weight=weights))
    assert ours["mae"] == pytest.approx(reference.mean_absolute_error(truth, p, sample_weight=weights))
    assert ours["r2"] == pytest.approx(reference.r2_score(truth, p, sample_weight=weights), rel=1e-9)
    median = reference.median_absolute_error(truth, p, sample_weight=weights)
    assert ours["median_absolute_error"] == pytest.approx(median)


def test_calibration_error_is_the_gap_by_tenths_of_the_rows() -> None:
    p = np.linspace(0.005, 0.995, 100)
    truth = np.where(np.arange(100) % 10 < np.arange(100) // 10, "late", "on time").astype(object)
    tenths = [abs((truth[i : i + 10] == "late").mean() - p[i : i + 10].mean()) for i in range(0, 100, 10)]
    predictions = np.column_stack([1 - p, p])
    assert score(BINARY, truth, predictions)["calibration_error"] == pytest.approx(np.mean(tenths))


def test_calibration_error_does_not_depend_on_the_order_of_tied_rows() -> None:
    truth, p = binary_rows()
    order = np.random.default_rng(0).permutation(len(truth))
    first, second = score(BINARY, truth, p), score(BINARY, truth[order], p[order])
    assert first["calibration_error"] == pytest.approx(second["calibration_error"])


@pytest.mark.parametrize("contract", [BINARY, COLOURS, NUMBER], ids=["binary", "multi-class", "regression"])
def test_scores_come_in_the_order_of_metrics_for(contract: Contract) -> None:
    truth, p = {2: binary_rows, 3: colour_rows, 0: number_rows}[len(contract.classes)]()
    assert tuple(score(contract, truth, p)) == metrics_for(contract)


def test_every_score_or_loss_says_which_way_is_better() -> None:
    perfect = score(BINARY, *perfect_rows())
    worse = score(BINARY, *binary_rows())
    for name in perfect:
        assert higher_is_better(name) == (perfect[name] > worse[name]), name
    assert {"f1_macro", "r2"} < HIGHER_IS_BETTER


def perfect_rows() -> tuple[Labels, Array]:
    truth, _ = binary_rows()
    late = (truth == "late").astype(np.float64)
    return truth, np.column_stack([1 - late, late])


def test_a_metric_that_needs_two_classes_is_nan_when_there_is_one() -> None:
    truth, p = np.full(50, "on time", object), binary_rows(50)[1]
    ours = score(BINARY, truth, p)
    assert np.isnan(ours["roc_auc"]) and np.isnan(ours["average_precision"])
    assert np.isfinite(ours["log_loss"])


def test_r2_of_a_constant_target_is_nan() -> None:
    assert np.isnan(score(NUMBER, np.full(9, 3.0), np.arange(9.0))["r2"])


@pytest.mark.parametrize("contract", [BINARY, NUMBER])
def test_no_rows_have_no_score(contract: Contract) -> None:
    empty = np.zeros((0, 2)) if contract.classes else np.zeros(0)
    assert all(np.isnan(value) for value in score(contract, np.array([], object), empty).values())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_prediction_that_is_no_number_is_refused(bad: float) -> None:
    truth, p = binary_rows()
    p[7, 1] = bad
    with pytest.raises(DataError, match="1 of 600 predictions are NaN or infinite"):
        score(BINARY, truth, p)


def test_a_label_that_the_contract_does_not_know_is_refused() -> None:
    truth, p = binary_rows()
    truth[3] = "cancelled"
    with pytest.raises(DataError, match="1 of 600 labels are not in the contract, the first is 'cancelled'"):
        score(BINARY, truth, p)


def test_predictions_of_another_shape_are_refused() -> None:
    truth, p = binary_rows()
    with pytest.raises(DataError, match=r"predictions are \(600,\)"):
        score(BINARY, truth, p[:, 1])


def test_a_target_that_is_not_finite_is_refused() -> None:
    truth, p = number_rows()
    truth[0] = np.nan
    with pytest.raises(DataError, match="1 of 601 target values are not finite"):
        score(NUMBER, truth, p)


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


def stormy_rows(days: int = 30, each: int = 100) -> tuple[Labels, Array, npt.NDArray[np.int64]]:
    """Whole days on which everything is late, whatever the model says."""
    generator = np.random.default_rng(4)
    day = np.repeat(np.arange(days), each)
    storm = generator.random(days)[day] < 0.3
    late = generator.random(days * each)
    truth = np.where(storm | (generator.random(days * each) < late / 2), "late", "on time").astype(object)
    return truth, np.column_stack([1 - late, late]), day


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


TIMES = pd.Series(pd.to_datetime(["2013-01-01 05:10", "2013-01-06 23:59", "2013-01-07 00:00", "2014-01-01 05:20"]))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("hour", [0, 1, 2, 3]),
        ("day", [0, 1, 2, 3]),
        ("week", [0, 0, 1, 2]),
        ("month", [0, 0, 0, 1]),
        ("row", [0, 1, 2, 3]),
    ],
)
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_blocks_follow_the_calendar_and_weeks_begin_on_monday(
    block: str, expected: list[int], zone: str | None
) -> None:
    times = TIMES if zone is None else TIMES.dt.tz_localize(zone)
    assert blocks_of(times, block, 4).tolist() == expected


def test_rows_need_no_time() -> None:
    assert blocks_of(None, "row", 3).tolist() == [0, 1, 2]


def test_an_unknown_block_is_named_with_what_was_meant() -> None:
    with pytest.raises(SettingsError, match="unknown block 'days'; did you mean 'day'?"):
        blocks_of(TIMES, "days", 4)


def test_blocks_by_day_without_a_time_column_are_refused() -> None:
    with pytest.raises(SettingsError, match="blocks by day need a time column"):
        blocks_of(None, "day", 4)


def test_a_time_column_of_text_or_with_nulls_is_refused() -> None:
    with pytest.raises(DataError, match="'when' must hold times"):
        blocks_of(pd.Series(["2013-01-01"], name="when"), "day", 1)
    with pytest.raises(DataError, match="'when' is null in 1 of 4 rows"):
        blocks_of(TIMES.where(TIMES.index > 0).rename("when"), "day", 4)


def test_scoring_warns_about_nothing() -> None:
    truth, p = binary_rows(30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bootstrap(BINARY, truth, p, np.arange(30))
        bootstrap(NUMBER, np.ones(30), p[:, 1], np.arange(30))
