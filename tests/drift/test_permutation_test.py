"""The stated rate of false alarms holds over all columns together, by block and by row, and what moved is found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from slipway.drift.permutation_test import min_blocks, p_values, rounds_for
from slipway.statistics.build_reference import reference_of
from slipway.statistics.divergence import stability_index, total_variation, wasserstein_distance

ROUNDS = 199


def tables(  # type: ignore[no-untyped-def]
    seed: int,
    *,
    blocks: tuple[int, int],
    columns: int,
    spread: float,
    moved: float = 0.0,
    rows: tuple[float, float] = (1, 1),
):
    """Counts of columns whose blocks differ among themselves, and of one that moved."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(8, 2.0), size=columns)
    made = {}
    for place, share in enumerate(shares):
        each = np.array([rng.dirichlet(share * 8 / spread) for _ in range(sum(blocks))])
        if moved and place == 0:
            each[blocks[0] :] = (1 - moved) * each[blocks[0] :] + moved * np.eye(8)[0]
        sizes = rng.integers(50, 150, len(each)) * np.repeat(rows, blocks)
        counts = np.array([rng.multinomial(max(1, int(size)), p) for size, p in zip(sizes, each, strict=True)])
        made[str(place)] = counts[: blocks[0]], counts[blocks[0] :]
    return made


def alarms(rate: float, *, by_block: bool, spread: float, times: int = 200, rows: tuple[float, float] = (1, 1)) -> int:
    made = (tables(n, blocks=(30, 7), columns=6, spread=spread, rows=rows) for n in range(times))
    found = [min(p_values(one, by_block=by_block, rounds=ROUNDS).values()) for one in made]
    return sum(chance <= rate for chance in found)


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_blocks_that_differ_among_themselves_alarm_no_more_often_than_stated(rate: float) -> None:
    found = alarms(rate, by_block=True, spread=0.5)
    assert stats.binomtest(found, 200, rate, alternative="greater").pvalue > 0.001
    assert stats.binomtest(found, 200, rate / 4, alternative="greater").pvalue < 0.05


@pytest.mark.parametrize("rows", [(1, 0.03), (10, 0.2), (0.05, 4)])
@pytest.mark.parametrize("spread", [1e-6, 0.5])
def test_few_rows_of_a_day_beside_many_alarm_no_more_often_than_stated(
    spread: float, rows: tuple[float, float]
) -> None:
    found = alarms(0.05, by_block=True, spread=spread, rows=rows)
    assert stats.binomtest(found, 200, 0.05, alternative="greater").pvalue > 0.001, found


def test_judged_by_row_they_would_alarm_nearly_always() -> None:
    assert alarms(0.05, by_block=False, spread=0.5, times=20) >= 18


def test_independent_rows_judged_by_row_alarm_no_more_often_than_stated() -> None:
    found = alarms(0.05, by_block=False, spread=1e-6)
    assert stats.binomtest(found, 200, 0.05, alternative="greater").pvalue > 0.001


def test_a_column_that_moved_is_found_and_it_alone() -> None:
    found = p_values(tables(1, blocks=(30, 14), columns=20, spread=0.2, moved=0.3), by_block=True)
    assert found.pop("0") <= 0.002
    assert min(found.values()) > 0.05


def test_many_columns_get_the_rounds_that_an_alarm_needs() -> None:
    assert (rounds_for(20, 0.01), rounds_for(100, 0.01)) == (9999, 39_999)
    columns = tables(2, blocks=(20, 10), columns=60, spread=0.2, moved=0.9)
    assert p_values(columns, by_block=True, rounds=rounds_for(60, 0.01))["0"] <= 0.01 / 2


def test_the_same_rows_have_the_same_chances_each_time() -> None:
    made = tables(1, blocks=(10, 5), columns=3, spread=0.2)
    assert p_values(made, by_block=True, rounds=ROUNDS) == p_values(made, by_block=True, rounds=ROUNDS)


def test_columns_that_never_vary_are_no_news() -> None:
    constant = np.array([[0, 50, 0]] * 20)
    assert p_values({"x": (constant, constant[:7])}, by_block=True, rounds=ROUNDS) == {"x": 1.0}
    assert p_values({}, by_block=True) == {}


def test_as_many_blocks_are_needed_as_give_ways_enough_to_exchange_them() -> None:
    assert (min_blocks(30, 0.01), min_blocks(30, 0.05), min_blocks(100, 0.01)) == (2, 1, 1)
    assert (min_blocks(3, 0.01), min_blocks(3, 0.05)) == (None, 3)


def test_the_stability_index_is_the_conventional_one_for_many_rows() -> None:
    before, now = np.array([5e8, 3e8, 2e8]), np.array([2e8, 3e8, 5e8])
    assert stability_index(before, now) == pytest.approx(0.6 * np.log(2.5), rel=1e-6)
    assert stability_index(before, before) == pytest.approx(0, abs=1e-12)
    assert 1 < stability_index(np.array([1000, 0]), np.array([0, 1000])) < 20


def test_total_variation_is_the_share_that_moved() -> None:
    assert total_variation(np.array([50, 50, 0]), np.array([100, 0, 100])) == pytest.approx(0.5)


def test_transport_is_scipys_wasserstein_distance_in_standard_deviations() -> None:
    rng = np.random.default_rng(0)
    before, now = rng.normal(size=4000), rng.normal(loc=0.5, size=4000)
    kind = reference_of({"x": before}, np.zeros(4000, np.int64), time="", block="row").columns["x"]
    counts = [np.bincount(kind.bins_of(values), minlength=kind.width) for values in (before, now)]
    found = wasserstein_distance(counts[0], counts[1], kind)
    assert kind.low is not None and kind.high is not None
    ends = np.array([kind.low, *kind.edges, kind.high])
    middles = (ends[:-1] + ends[1:]) / 2
    wanted = stats.wasserstein_distance(middles, middles, counts[0][: kind.null], counts[1][: kind.null])
    spread = np.sqrt(np.cov(middles, fweights=counts[0][: kind.null], ddof=0))
    assert found == pytest.approx(wanted / spread)
    assert found == pytest.approx(stats.wasserstein_distance(before, now) / before.std(), rel=0.15)
    assert wasserstein_distance(counts[0], np.zeros(kind.width, int), kind) is None
