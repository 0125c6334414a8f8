"""What the benchmark reports follows from what it measured, and what it asks is right for the bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.serving.figures import best, medians, number, ratio
from tests.benchmarks.serving.open import is_in_time
from tests.benchmarks.serving.questions import golden_of
from tests.load_generator.generator import generate
from tests.load_generator.load import Load
from tests.load_generator.result import Outcome, Result
from tests.support.bundles import make_bundle
from tests.support.running_server import running


def answered(*delays: float, status: int = 200) -> Result:
    outcomes = [Outcome(row, 0.0, delay, status, "") for row, delay in enumerate(delays)]
    return Result([0.0] * len(delays), [0.0] * len(delays), outcomes, 0.0)


def test_the_median_of_each_figure_is_taken_over_the_rounds() -> None:
    assert medians([{"a": 1, "b": 9}, {"a": 3, "b": 7}, {"a": 2, "b": 8}]) == {"a": 2, "b": 8}


def test_a_high_rate_and_a_low_delay_are_better() -> None:
    assert best([{"requests/s": 10, "p50 ms": 5}, {"requests/s": 20, "p50 ms": 6}]) == {"requests/s": 20, "p50 ms": 5}
    assert (ratio("requests/s", 100, 10), ratio("p50 ms", 1, 4)) == (10, 4)


@pytest.mark.parametrize(("value", "told"), [(12345.6, "12,346"), (99.94, "99.9"), (0.4567, "0.457")])
def test_three_digits_are_told(value: float, told: str) -> None:
    assert number(value) == told


def test_a_rate_is_in_time_when_every_answer_is_good_and_nearly_all_are_fast() -> None:
    assert is_in_time(answered(*[0.01] * 99))
    assert not is_in_time(answered(*[0.01] * 9, 0.2))
    assert not is_in_time(answered(0.01, status=503))


@pytest.mark.parametrize("form", ["dataframe_split", "instances"])
@pytest.mark.parametrize("rows", [1, 7])
def test_the_questions_made_of_a_bundle_are_answered_as_it_says(tmp_path: Path, rows: int, form: str) -> None:
    bundle = make_bundle(tmp_path)
    with running(bundle=bundle, workers=1) as server:
        result = generate(Load(server.port, golden_of(bundle).questions(rows, form), seconds=0.3, connections=2))
    assert result.sent > 10
    assert (result.problems, result.by_status) == ({}, {200: result.sent})
