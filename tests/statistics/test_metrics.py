"""The metrics are scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from slipway.contract.metrics import HIGHER_IS_BETTER, higher_is_better, metrics_for
from slipway.contract.schema import Contract
from slipway.errors import DataError
from slipway.statistics.metrics import score
from tests.support.scored_rows import (
    BINARY,
    COLOURS,
    NUMBER,
    Array,
    Labels,
    binary_rows,
    colour_rows,
    contract_of,
    number_rows,
    weights_for,
)


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
    with pytest.raises(DataError, match="1 of 600 labels are not in the contract, such as 'cancelled'"):
        score(BINARY, truth, p)


def test_predictions_of_another_shape_are_refused() -> None:
    truth, p = binary_rows()
    with pytest.raises(DataError, match=r"expected predictions of shape \(600, 2\) .*, got shape \(600,\)"):
        score(BINARY, truth, p[:, 1])


def test_a_target_that_is_not_finite_is_refused() -> None:
    truth, p = number_rows()
    truth[0] = np.nan
    with pytest.raises(DataError, match="1 of 601 target values are not finite"):
        score(NUMBER, truth, p)
