"""Rows of one turn of the loop are predicted together, and each gets what it would get alone."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from slipway.contract.schema import NULL_STRING
from slipway.inference.engines import OnnxEngine
from slipway.inference.scorer import Scorer, load
from slipway.realtime.protocols.messages import RowPrediction
from slipway.realtime.protocols.mlflow.dynamic_batch import DynamicBatch
from tests.support.bundles import GOLDEN, make_bundle

ROWS = list(zip(*GOLDEN.values(), strict=True))


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return load(make_bundle(tmp_path_factory.mktemp("releases")))


def batch_of(scorer: Scorer) -> DynamicBatch:
    assert isinstance(scorer.engine, OnnxEngine)
    return DynamicBatch(scorer.engine, scorer.contract)


def predicted(batch: DynamicBatch, rows: list[Any]) -> list[RowPrediction]:
    async def ask() -> list[RowPrediction]:
        return list(await asyncio.gather(*map(batch.predict, rows)))

    return asyncio.run(ask())


def test_together_each_row_gets_what_it_gets_alone(scorer: Scorer) -> None:
    together = predicted(batch_of(scorer), ROWS)
    alone = [predicted(batch_of(scorer), [row])[0] for row in ROWS]
    assert [found.values.tolist() for found in together] == [found.values.tolist() for found in alone]
    assert np.allclose([found.values[0] for found in together], scorer.golden.predictions, rtol=1e-9)


def test_the_rows_of_a_turn_share_one_prediction_and_its_cost(scorer: Scorer) -> None:
    together = predicted(batch_of(scorer), ROWS)
    assert len({found.seconds for found in together}) == 1
    assert len({id(found.values.base) for found in together}) == 1


def test_nobody_waits_for_company(scorer: Scorer) -> None:
    async def play(batch: DynamicBatch) -> None:
        first = batch.predict(ROWS[0])
        await first
        second = batch.predict(ROWS[1])
        assert first.done() and not second.done()
        assert (await second).values.base is not first.result().values.base

    asyncio.run(play(batch_of(scorer)))


def test_who_gave_up_takes_nothing_from_the_others(scorer: Scorer) -> None:
    async def play(batch: DynamicBatch) -> RowPrediction:
        gone, stays = batch.predict(ROWS[0]), batch.predict(ROWS[1])
        gone.cancel()
        return await stays

    assert (
        asyncio.run(play(batch_of(scorer))).values.tolist() == predicted(batch_of(scorer), [ROWS[1]])[0].values.tolist()
    )


def test_what_the_model_raises_reaches_each_of_them_and_the_next_turn_is_a_new_one(scorer: Scorer) -> None:
    async def play(batch: DynamicBatch) -> None:
        wrong = ("far", *ROWS[0][1:])
        outcomes = await asyncio.gather(batch.predict(ROWS[0]), batch.predict(wrong), return_exceptions=True)
        assert [isinstance(outcome, Exception) for outcome in outcomes] == [True, True]
        assert isinstance(await batch.predict(ROWS[0]), RowPrediction)

    asyncio.run(play(batch_of(scorer)))


@pytest.mark.parametrize(
    ("column", "value", "taken"),
    [("seats", 1.5, False), ("seats", 2.0**63, False), ("seats", None, True), ("tail", NULL_STRING, False)],
)
def test_a_row_that_breaks_the_contract_is_not_taken(scorer: Scorer, column: str, value: Any, taken: bool) -> None:
    row = dict(zip(GOLDEN, ROWS[0], strict=True)) | {column: value}
    assert batch_of(scorer).is_valid(tuple(row[c.name] for c in scorer.contract.inputs)) is taken
