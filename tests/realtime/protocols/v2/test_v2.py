"""A v2 request in JSON becomes the scorer's columns, or an error with what was expected and got; the response is v2's."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.__about__ import installed_version
from slipway.contract.schema import Contract, outputs_of
from slipway.errors import ContractError
from slipway.inference.engines import Predictions
from slipway.inference.scorer import load
from slipway.realtime.protocols.messages import Request
from slipway.realtime.protocols.served_model import load as load_served_model
from slipway.realtime.protocols.v2.infer import Inference, RequestedOutput, decode_infer, encode_infer, infer
from slipway.realtime.protocols.v2.metadata import (
    model_metadata,
    model_readiness,
    server_liveness,
    server_metadata,
    server_readiness,
)
from tests.support.bundles import GOLDEN, answers, labels, make_bundle
from tests.support.v2_requests import CONTRACT, ROWS, assert_same, body, tensor, tensors, without

COLUMNS = {
    "distance": np.array([0.5, -1.25]),
    "seats": np.array([100, np.nan]),
    "weekend": np.array([1, np.nan]),
    "carrier": np.array(["AA", "UA"], dtype=object),
    "tail": np.array(["N1", None], dtype=object),
}
PREDICTIONS = Predictions(np.array([[0.75, 0.25], [0.125, 0.875]]), np.array(["late", "on time"], dtype=object))
ALL = ("prediction", "probability_late", "probability_on time")


def decoded(text: bytes) -> Inference:
    return decode_infer(text, None, CONTRACT)


def test_a_request_becomes_the_columns_that_a_scorer_takes() -> None:
    inference = decoded(body(id="mine"))
    assert_same(inference.columns, COLUMNS)
    assert inference.id == "mine"
    assert inference.outputs == tuple(RequestedOutput(name, binary=False) for name in ALL)


def test_a_column_of_shape_n_1_may_be_nested_or_flat() -> None:
    nested = tensor("distance", "FP64", [0.5], [-1.25], shape=[2, 1])
    flat = tensor("carrier", "BYTES", "AA", "UA", shape=[2, 1])
    assert_same(decoded(body(nested, flat)).columns, COLUMNS)


def test_a_nullable_column_may_be_absent_and_an_unknown_one_is_ignored() -> None:
    few = [tensors()["distance"], tensors()["carrier"], {"name": "colour", "shape": [7, 7], "datatype": "BF16"}]
    columns = decoded(json.dumps({"inputs": few}).encode()).columns
    assert_same(columns, {name: COLUMNS[name] for name in ("distance", "carrier")})


@pytest.mark.parametrize("datatype", ["FP64", "FP32", "FP16", "INT8", "INT16", "INT32", "INT64"])
@pytest.mark.parametrize("name", ["distance", "seats"])
def test_numbers_come_in_any_datatype_of_numbers(name: str, datatype: str) -> None:
    assert decoded(body(tensor(name, datatype, -3, 4))).columns[name].tolist() == [-3, 4]
    unsigned = datatype.replace("INT", "UINT")
    assert decoded(body(tensor(name, unsigned, 3, 4.0))).columns[name].tolist() == [3, 4]


def test_a_whole_number_beyond_2_to_the_53_is_rounded_as_in_mlflows_forms() -> None:
    assert decoded(body(tensor("seats", "INT64", (1 << 53) + 1, 0))).columns["seats"][0] == 2.0**53


def test_no_rows_are_no_values() -> None:
    nothing = [tensor(one["name"], one["datatype"]) for one in tensors().values()]
    assert {len(values) for values in decoded(body(*nothing)).columns.values()} == {0}


def test_the_outputs_that_were_asked_for_come_in_their_order_and_form() -> None:
    wishes = [{"name": "probability_late", "parameters": {"binary_data": False}}, {"name": "prediction"}]
    asked = decoded(body(outputs=wishes, parameters={"binary_data_output": True, "priority": 7}))
    assert asked.outputs == (
        RequestedOutput("probability_late", binary=False),
        RequestedOutput("prediction", binary=True),
    )
    assert decoded(body(outputs=[])).outputs == tuple(RequestedOutput(name, binary=False) for name in ALL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            body(tensor("distance", "FP64", 1, "far")),
            "row 1, column 'distance': expected a finite number, got \"far\"",
        ),
        (
            body(tensor("seats", "INT64", 1, True)),
            "row 1, column 'seats': expected an integer or null, got true",
        ),
        (
            body(tensor("weekend", "BOOL", 1, True)),
            "row 0, column 'weekend': expected true or false or null, got 1",
        ),
        (body(tensor("tail", "BYTES", "N1", 5)), "row 1, column 'tail': expected a string or null, got 5"),
        (
            body(tensor("distance", "FP64", 1, 10**400)),
            f"row 1, column 'distance': expected a finite number, got 1{'0' * 79}...",
        ),
        (
            body(tensor("seats", "INT8", 127, 128)),
            "row 1, column 'seats': expected an integer in the range of INT8, got 128",
        ),
        (
            body(tensor("seats", "UINT64", -1, 1)),
            "row 0, column 'seats': expected an integer in the range of UINT64, got -1",
        ),
        (
            body(tensor("distance", "INT32", None, 2.5)),
            "row 1, column 'distance': expected an integer in the range of INT32, got 2.5",
        ),
        (
            body(tensor("distance", "FP64", [1], 2, shape=[2, 1])),
            "row 1, column 'distance': expected a list of one value, got 2",
        ),
        (
            body(tensor("distance", "FP64", [1], [2, 3], shape=[2, 1])),
            "row 1, column 'distance': expected a list of one value, got [2, 3]",
        ),
        (
            body(tensor("distance", "FP64", [1], [2])),
            "row 0, column 'distance': expected a finite number, got [1]",
        ),
        (
            body(tensor("weekend", "INT8", 1, 0)),
            "column 'weekend': expected the datatype BOOL, got \"INT8\"",
        ),
        (
            body(tensor("carrier", "fp64", 1, 0)),
            "column 'carrier': expected the datatype BYTES, got \"fp64\"",
        ),
        (
            body(tensor("seats", "BYTES", "1", "2")),
            "column 'seats': expected the datatype FP64 or FP32 or FP16 or INT8 or INT16 or INT32 or INT64 or UINT8 or "
            'UINT16 or UINT32 or UINT64, got "BYTES"',
        ),
        *(
            (
                body(tensor("distance", "FP64", 1, 2, shape=shape)),
                f"column 'distance': expected the shape [N] or [N, 1], got {shape}",
            )
            for shape in ([], [1, 2], [2, 1, 1])
        ),
        (
            body(tensor("distance", "FP64", 1, 2, shape=[3])),
            "column 'distance': expected 3 values for the shape [3], got 2",
        ),
        (
            body(tensor("distance", "FP64", 1)),
            "all columns must have the same number of rows, but 'distance' has 1, 'seats' has 2, 'weekend' has 2, "
            "'carrier' has 2, 'tail' has 2",
        ),
        (body(without("tail", "data")), "column 'tail' has no 'data' and no 'binary_data_size'"),
        (
            body(tensors()["tail"] | {"parameters": {"binary_data_size": 0}}),
            "column 'tail' has both 'data' and 'binary_data_size'; send only one of them",
        ),
        (
            json.dumps({"inputs": [*tensors().values(), tensors()["tail"]]}).encode(),
            "input 'tail' appears 2 times",
        ),
        (
            body(outputs=[{"name": "prediction"}, {"name": "prediction"}]),
            "output 'prediction' appears 2 times",
        ),
        (
            body(outputs=[{"name": "score"}]),
            "unknown output 'score'; the outputs of 'flights' are 'prediction', 'probability_late', "
            "'probability_on time'",
        ),
    ],
)
def test_a_tensor_that_cannot_be_the_column_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(ContractError) as refused:
        decoded(text)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "Object missing required field `inputs`"),
        (b'{"inputs": {}}', "Expected `array`, got `object` - at `$.inputs`"),
        (b'{"inputs": [5]}', "Expected `object`, got `int` - at `$.inputs[0]`"),
        (body(id=5), "Expected `str | null`, got `int` - at `$.id`"),
        (body(parameters=[]), "Expected `object | null`, got `array` - at `$.parameters`"),
        (
            body(parameters={"binary_data_output": "yes"}),
            "Expected `bool | null`, got `str` - at `$.parameters.binary_data_output`",
        ),
        (body(outputs={}), "Expected `array | null`, got `object` - at `$.outputs`"),
        (body(outputs=["prediction"]), "Expected `object`, got `str` - at `$.outputs[0]`"),
        (body(outputs=[{"name": None}]), "Expected `str`, got `null` - at `$.outputs[0].name`"),
        (
            body(outputs=[{"name": "prediction", "parameters": {"binary_data": 1}}]),
            "Expected `bool | null`, got `int` - at `$.outputs[0].parameters.binary_data`",
        ),
        *(
            (body(without("distance", field)), f"Object missing required field `{field}` - at `$.inputs[0]`")
            for field in ("shape", "datatype")
        ),
        (body(tensor("distance", "FP64", shape=2)), "Expected `array`, got `int` - at `$.inputs[0].shape`"),
        (body(tensor("distance", "FP64", shape=[2.5])), "Expected `int`, got `float` - at `$.inputs[0].shape[0]`"),
        (body(tensor("distance", "FP64", shape=[-1])), "Expected `int` >= 0 - at `$.inputs[0].shape[0]`"),
        (
            body(tensor("distance", "FP64", shape=[10**30])),
            "Expected `int` <= 9223372036854775807 - at `$.inputs[0].shape[0]`",
        ),
        (body(tensor("distance", 64)), "Expected `str`, got `int` - at `$.inputs[0].datatype`"),
        (body(tensor("distance", "FP64", data=1.5)), "Expected `array | null`, got `float` - at `$.inputs[0].data`"),
        (
            body(without("tail", "data") | {"parameters": {"binary_data_size": -1}}),
            "Expected `int` >= 0 - at `$.inputs[4].parameters.binary_data_size`",
        ),
    ],
)
def test_a_field_of_a_wrong_type_is_named(text: bytes, problem: str) -> None:
    with pytest.raises(ContractError) as refused:
        decoded(text)
    assert str(refused.value) == f"the body is not a v2 inference request: {problem}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "Input data was truncated"),
        (b'{"inputs": []', "Input data was truncated"),
        (b'{"inputs": []} {}', "JSON is malformed: trailing characters (byte 16)"),
        (b'{"id": "\xff"}', "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b'{"inputs": [{"data": ' + b"[" * 100_000, "it is nested too deeply"),
        (b'{"other": ' + b"[" * 100_000, "it is nested too deeply"),
        (body().replace(b"0.5", b"NaN"), "JSON is malformed: invalid character (byte 76)"),
    ],
)
def test_a_body_that_is_no_json_is_refused(text: bytes, problem: str) -> None:
    with pytest.raises(ContractError) as refused:
        decoded(text)
    assert str(refused.value) == f"the body is not valid JSON: {problem}"


def test_an_answer_in_json_holds_every_output_and_the_callers_id() -> None:
    text, headers = encode_infer(PREDICTIONS, CONTRACT, "1.2.3", decoded(body(id="mine")))
    assert headers == {}
    assert json.loads(text) == {
        "model_name": "flights",
        "model_version": "1.2.3",
        "id": "mine",
        "outputs": [
            tensor("prediction", "BYTES", "late", "on time"),
            tensor("probability_late", "FP64", 0.75, 0.125),
            tensor("probability_on time", "FP64", 0.25, 0.875),
        ],
    }


def test_a_regression_answers_one_tensor_of_numbers() -> None:
    contract = Contract("delay", "regression", CONTRACT.inputs, outputs_of("regression", ()))
    inference = decode_infer(body(), None, contract)
    text, _ = encode_infer(Predictions(np.array([1.5, -2.0]), None), contract, "2.0.0", inference)
    answer = json.loads(text)
    assert answer["outputs"] == [tensor("prediction", "FP64", 1.5, -2.0)]
    assert "id" not in answer


def test_a_misspelled_input_is_refused_with_the_name_of_the_column(tmp_path: Path) -> None:
    serving = load_served_model(make_bundle(tmp_path))
    inputs = [tensor("distence", "FP64", 1.0), tensor("carrier", "BYTES", "AA")]
    answer = infer(Request({}, json.dumps({"inputs": inputs}).encode()), serving)
    assert answer.status == 400
    assert json.loads(answer.body) == {
        "error": "column 'distance' is missing, which the contract of 'flights' requires; "
        "got 'distence' (did you mean 'distance'?), 'carrier'"
    }


def test_a_real_model_answers_as_numpy_works_it_out(tmp_path: Path) -> None:
    scorer = load(make_bundle(tmp_path))
    types = {"double": "FP64", "long": "INT64", "string": "BYTES"}
    inputs = [tensor(c.name, types[c.type], *GOLDEN[c.name]) for c in scorer.contract.inputs]
    inference = decode_infer(json.dumps({"inputs": inputs}).encode(), None, scorer.contract)
    text, _ = encode_infer(scorer.predict(inference.columns), scorer.contract, "1.2.3", inference)
    outputs = {output["name"]: output["data"] for output in json.loads(text)["outputs"]}
    assert outputs.pop("prediction") == labels(answers(GOLDEN))
    np.testing.assert_allclose(np.transpose(list(outputs.values())), answers(GOLDEN), rtol=1e-12)


def test_server_and_model_describe_themselves() -> None:
    server = {"name": "slipway", "version": installed_version(), "extensions": ["binary_tensor_data"]}
    assert json.loads(server_metadata()) == server
    model = json.loads(model_metadata(CONTRACT, "1.2.3"))
    inputs = [(one["name"], one["datatype"], one["shape"]) for one in model.pop("inputs")]
    assert inputs == [(name, one["datatype"], [-1]) for name, one in tensors().items()]
    assert [(one["name"], one["datatype"]) for one in model.pop("outputs")] == list(
        zip(ALL, ("BYTES", "FP64", "FP64"), strict=True)
    )
    assert model == {"name": "flights", "versions": ["1.2.3"], "platform": "onnx"}


def test_readiness_and_errors_have_the_protocols_shape() -> None:
    assert (json.loads(server_liveness()), json.loads(server_readiness())) == ({"live": True}, {"ready": True})
    assert json.loads(model_readiness(CONTRACT)) == {"name": "flights", "ready": True}


@given(ROWS)
def test_any_rows_come_out_of_json_as_they_went_in(rows: list[dict[str, Any]]) -> None:
    columns = {name: [row[name] for row in rows] for name in tensors()}
    changed = [tensor(name, one["datatype"], *columns[name]) for name, one in tensors().items()]
    expected = {
        name: np.array(values, dtype=object if name in CONTRACT.strings else np.float64)
        for name, values in columns.items()
    }
    assert_same(decoded(body(*changed)).columns, expected)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["name", "shape", "datatype", "data", "parameters"]


@given(st.sampled_from(sorted(tensors())), st.sampled_from(FIELDS), JUNK)
def test_whatever_a_field_holds_it_is_taken_or_refused(name: str, field: str, junk: Any) -> None:
    inputs = [one | {field: junk} if one["name"] == name else one for one in tensors().values()]
    with contextlib.suppress(ContractError):
        decoded(json.dumps({"inputs": inputs}).encode())


@given(JUNK, st.sampled_from(["inputs", "id", "outputs", "parameters", "other"]))
def test_whatever_a_request_holds_it_is_taken_or_refused(junk: Any, field: str) -> None:
    with contextlib.suppress(ContractError):
        decoded(body(**{field: junk}))
