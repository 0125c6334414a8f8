"""The short way from JSON to columns gives what the long way gives, or steps aside for it."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.errors import ContractError
from slipway.inference.scorer import Scorer, load
from slipway.realtime.protocols.messages import PendingResponse, Request, Response
from slipway.realtime.protocols.mlflow.decode import decode_json
from slipway.realtime.protocols.mlflow.fast_decode import TypedDecoder
from slipway.realtime.protocols.mlflow.invocations import Invocations
from tests.support.bundles import GOLDEN, make_bundle, make_contract

CONTRACT = make_contract()
RECORD = {name: values[0] for name, values in GOLDEN.items()}
decoder = TypedDecoder(CONTRACT)

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
usual = st.fixed_dictionaries(
    {"distance": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)},
    optional={
        "seats": st.none() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
        "tail": st.none() | st.text(max_size=5) | st.just("\0null"),
        "more": scalars,
    },
).flatmap(lambda row: st.sampled_from(["AA", "UA", "00123", "ZZ"]).map(lambda carrier: row | {"carrier": carrier}))
unusual = st.dictionaries(st.sampled_from([*GOLDEN, "more"]), scalars | st.lists(scalars, max_size=2), max_size=5)
rows = st.lists(usual | unusual, max_size=4)


def split(records: list[dict[str, Any]]) -> dict[str, Any]:
    columns = list(records[0]) if records else list(GOLDEN)
    return {"columns": columns, "data": [[record.get(name) for name in columns] for record in records]}


def lists(records: list[dict[str, Any]]) -> dict[str, Any]:
    names = {name for record in records for name in record}
    return {name: [record.get(name) for record in records] for name in names}


bodies = rows.flatmap(
    lambda records: st.sampled_from(
        [
            {"dataframe_records": records},
            {"instances": records, "params": {"any": 1}},
            {"inputs": records},
            {"inputs": lists(records)},
            {"dataframe_split": split(records)},
            {"inputs": records[0] if records else {}},
        ]
    )
)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return load(make_bundle(tmp_path_factory.mktemp("releases")))


def asked(invocations: Invocations, body: bytes) -> Response:
    async def ask() -> Response:
        answer = invocations(Request({"content-type": "application/json"}, body))
        return answer.finish((await answer.prediction).values) if isinstance(answer, PendingResponse) else answer

    return asyncio.run(ask())


def the_long_way(scorer: Scorer, body: bytes) -> tuple[int, Any]:
    try:
        return 200, scorer.predict(decode_json(body, scorer.contract)).values.tolist()
    except ContractError as error:
        return 400, str(error)


@given(bodies)
def test_both_ways_give_the_same_answer_and_the_same_refusal(scorer: Scorer, document: Any) -> None:
    body = json.dumps(document).encode()
    status, said = the_long_way(scorer, body)
    answer = asked(Invocations(scorer), body)
    told = json.loads(answer.body)
    assert (answer.status, told.get("predictions", told.get("message"))) == (status, said)


@pytest.mark.parametrize(
    "document",
    [
        {"dataframe_records": [RECORD]},
        {"instances": [RECORD, RECORD]},
        {"inputs": {name: [value] for name, value in RECORD.items()}},
        {"inputs": [RECORD]},
        {"dataframe_split": split([RECORD])},
        {"dataframe_split": {"columns": ["more", "carrier", "distance"], "data": [[{}, "AA", 1]], "index": [7]}},
    ],
)
def test_the_usual_forms_take_the_short_way(document: Any) -> None:
    assert decoder(json.dumps(document).encode()) is not None


def test_absent_columns_are_nulls_and_integers_are_doubles() -> None:
    rows = decoder(b'{"inputs": {"carrier": ["AA"], "distance": [3]}}')
    assert rows == [(3.0, None, "AA", None)]
    assert isinstance(rows[0][0], float)


def test_a_row_has_as_many_values_as_there_are_columns() -> None:
    for values in ("1", '1, "AA", null', '1, "AA", 2'):
        body = b'{"dataframe_split": {"columns": ["distance", "carrier"], "data": [[%s]]}}' % values.encode()
        assert decoder(body) is None


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_raise(body: bytes) -> None:
    assert decoder(body) is None or isinstance(decoder(body), list)


def test_a_client_cannot_fill_the_memory_with_orders_of_columns() -> None:
    fresh = TypedDecoder(CONTRACT)
    for number in range(500):
        body = {"dataframe_split": {"columns": [f"x{number}", "distance", "carrier"], "data": [[0, 1, "AA"]]}}
        assert fresh(json.dumps(body).encode()) is not None
    assert len(fresh._orders) <= 64


def test_rows_one_after_the_other_leave_nothing_behind(scorer: Scorer) -> None:
    invocations = Invocations(scorer)
    for number in range(len(GOLDEN["distance"])):
        row = {name: values[number] for name, values in GOLDEN.items() if values[number] is not None}
        (told,) = json.loads(asked(invocations, json.dumps({"dataframe_records": [row]}).encode()).body)["predictions"]
        assert np.allclose(told, scorer.golden.predictions[number], rtol=1e-12)
        assert math.isclose(sum(told), 1)


def test_a_model_of_one_column_has_the_short_way_too(tmp_path: Path) -> None:
    inputs = CONTRACT.inputs[:1]
    only = TypedDecoder(type(CONTRACT)("one", "regression", inputs, CONTRACT.outputs[:1]))
    assert only(b'{"dataframe_records": [{"distance": 1}, {"distance": 2}]}') == [(1.0,), (2.0,)]
    assert only(b'{"dataframe_split": {"columns": ["distance"], "data": [[1]]}}') == [(1.0,)]
