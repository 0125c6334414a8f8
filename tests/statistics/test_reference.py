"""The reference: bins that hold alike many rows, counts by block, strangers apart, and a bound on its size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from slipway.contract.schema import Contract, outputs_of
from slipway.errors import BundleError
from slipway.statistics.build_reference import MAX_BLOCKS, reference_of
from slipway.statistics.reference import decode_reference, encode_reference, predictions_by_output
from slipway.statistics.time_blocks import calendar_numbers, calendar_of, first_days

NOTHING = np.zeros(0, np.int64)


def texts(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


def one_block(rows: int) -> np.ndarray:
    return np.zeros(rows, np.int64)


def described(values: np.ndarray, training: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    seen = None if training is None else {"x": training}
    return reference_of({"x": values}, one_block(len(values)), time="", block="row", training=seen).columns["x"]


def test_ten_bins_of_a_number_hold_alike_many_rows_and_one_more_its_nulls() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    values[:100] = np.nan
    (counts,) = described(values).counts
    assert counts[-2:] == (100, 0)
    assert sum(counts) == 1000 and len(counts) == 12
    assert max(counts[:10]) - min(counts[:10]) <= 2


def test_no_rounding_moves_a_row_to_another_bin() -> None:
    for values in (np.random.default_rng(0).random(500), np.repeat([0.1, 0.2, 0.7], 50)):
        kind = described(values)
        for factor in (1 - 1e-13, 1 + 1e-13):
            assert np.array_equal(kind.bins_of(values * factor), kind.bins_of(values))


def test_each_of_a_few_values_has_a_bin_but_rare_ones_share_one() -> None:
    values = np.repeat([1.0, 2.0, 3.0, 4.0], [500, 480, 15, 5])
    assert described(values).counts[0] == (500, 480, 20, 0, 0)
    letters = texts(*["a"] * 500, *["b"] * 480, *["c"] * 15, *["d"] * 5, None)
    assert described(letters).counts[0] == (500, 480, 15, 5, 1, 0)


def test_what_training_saw_is_no_stranger_and_what_nobody_saw_is_one() -> None:
    kind = described(np.arange(100.0), training=np.array([-50.0, 150.0]))
    assert (kind.bins_of(np.array([-51, -50, 150, 151, np.nan])) - kind.null).tolist() == [1, -10, -1, 1, 0]
    words = described(texts("a", "b", None), training=texts("c", None))
    assert words.bins_of(texts("a", "b", "c", None, "d")).tolist() == [0, 1, 2, 3, 4]


def test_without_training_rows_a_number_may_go_a_tenth_beyond_and_a_new_text_is_one_of_the_others() -> None:
    kind = described(np.linspace(0, 100, 1001))
    assert [kind.bins_of(np.array([x]))[0] == kind.null + 1 for x in (-10.5, -9.5, 109.5, 110.5)] == [1, 0, 0, 1]
    assert described(texts("a", "b")).bins_of(texts("a", "new")).tolist() == [0, 2]
    constant = described(np.full(50, 9.0))
    assert constant.bins_of(np.array([9.0, 10.0])).tolist() == [0, 2]


@pytest.mark.parametrize("values", [np.full(5, np.nan), np.empty(0), np.array([1e308, -1e308, 0.0])])
def test_columns_without_values_or_with_huge_ones_can_be_described(values: np.ndarray) -> None:
    kind = described(values)
    assert sum(kind.counts[0]) == len(values) if len(values) else kind.counts == ()
    assert len(kind.bins_of(np.array([1.0, np.nan, np.inf]))) == 3


def test_rows_are_counted_by_their_block_in_the_order_of_the_calendar() -> None:
    blocks = np.array([15, 12, 15, 12, 12])
    made = reference_of({"x": texts("a", "a", "b", "a", "b")}, blocks, time="t", block="day")
    assert made.blocks == (12, 15)
    assert made.columns["x"].counts == ((2, 1, 0, 0, 0), (1, 1, 0, 0, 0))


def test_it_is_bounded_whatever_the_rows_are() -> None:
    rng, rows = np.random.default_rng(0), 3000
    columns = {f"column {n:03}": rng.normal(size=rows) for n in range(600)}
    columns |= {f"text {n}": np.array([f"{n} {k}" * 9 for k in rng.integers(0, rows, rows)], object) for n in range(9)}
    columns["last"] = rng.normal(size=rows)
    made = reference_of(columns, np.arange(rows) // 3, time="t", block="day", training=columns)
    assert len(encode_reference(made)) < 1_000_000
    assert len(made.blocks) <= MAX_BLOCKS
    assert "last" in made.columns and made.left_out and set(made.left_out).isdisjoint(made.columns)
    assert all(kind.known is None for name, kind in made.columns.items() if name.startswith("text"))


def test_it_survives_its_file_and_a_strange_file_is_refused() -> None:
    made = reference_of({"x": np.arange(9.0)}, np.arange(9), time="t", block="day", predictions=["x"])
    assert decode_reference(encode_reference(made), "here") == made
    with pytest.raises(BundleError, match="here is malformed"):
        decode_reference(b"{}", "here")
    with pytest.raises(BundleError, match="here has format 2, but this Slipway reads format 1"):
        decode_reference(encode_reference(made).replace(b'"format":1', b'"format":2'), "here")


@pytest.mark.parametrize("block", ["hour", "day", "week", "month"])
def test_a_block_of_the_calendar_has_one_number_in_every_table_and_begins_on_its_first_day(block: str) -> None:
    time = pd.Series(pd.date_range("1969-12-20", "2013-03-01", freq="7h30min"))
    numbers = calendar_of(time, block)
    assert np.array_equal(numbers[500:], calendar_numbers(time[500:].to_numpy(), block))
    period = {"hour": "D", "day": "D", "week": "W", "month": "M"}[block]
    assert np.array_equal(first_days(numbers, block), time.dt.to_period(period).dt.start_time.to_numpy())


def test_of_two_classes_one_probability_is_told_and_of_more_each() -> None:
    for classes, told in (
        (("no", "yes"), ["prediction", "probability_yes"]),
        (("a", "b", "c"), ["prediction", "probability_a", "probability_b", "probability_c"]),
    ):
        contract = Contract("m", "classification", (), outputs_of("classification", classes), classes)
        found = predictions_by_output(contract, np.eye(len(classes)), np.array(classes, dtype=object))
        assert list(found) == told
        assert found[told[-1]].tolist() == [0.0] * (len(classes) - 1) + [1.0]
    regression = Contract("m", "regression", (), outputs_of("regression", ()))
    assert list(predictions_by_output(regression, np.ones(2), None)) == ["prediction"]
