"""Tensors as bytes: what Triton's own client writes is understood, what we write it reads, and bad bytes are refused."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.utils
from hypothesis import given
from hypothesis import strategies as st

from slipway.errors import ContractError
from slipway.inference.engines import Predictions
from slipway.realtime.protocols.v2.infer import Inference, decode_infer, encode_infer
from slipway.realtime.protocols.v2.request import LENGTH_HEADER
from tests.support.v2_requests import CLASSES, CONTRACT, FULL_ROWS, Columns, assert_same, tensor, tensors

DTYPES: dict[str, Any] = {"FP64": "<f8", "INT64": "<i8", "BOOL": bool, "BYTES": object}
TYPES = {name: one["datatype"] for name, one in tensors().items()}
COLUMNS = {
    "distance": np.array([0.5, -1.25]),
    "seats": np.array([100.0, 7.0]),
    "weekend": np.array([1.0, 0.0]),
    "carrier": np.array(["AA", "Zürich"], dtype=object),
    "tail": np.array(["", "N\0"], dtype=object),
}
PREDICTIONS = Predictions(np.array([[0.75, 0.25], [0.125, 0.875]]), np.array(["late", "ünter"], dtype=object))
ALL = ["prediction", *(f"probability_{label}" for label in CLASSES)]


def triton_inputs(columns: Columns, *, binary: bool = True, tail: tuple[int, ...] = ()) -> list[triton.InferInput]:
    """The columns as inputs of Triton's client."""
    return [triton_input(name, columns[name], TYPES[name], binary, tail) for name in columns]


def triton_input(
    name: str, values: Any, datatype: str, binary: bool = True, tail: tuple[int, ...] = ()
) -> triton.InferInput:
    made = triton.InferInput(name, [len(values), *tail], datatype)
    typed = values if datatype not in DTYPES else values.astype(DTYPES[datatype])
    made.set_data_from_numpy(typed.reshape(-1, *tail), binary_data=binary)
    return made


def request(inputs: list[triton.InferInput], **wishes: Any) -> Inference:
    """Our understanding of the bytes that Triton's client would send."""
    body, header_length = triton.InferenceServerClient.generate_request_body(inputs, **wishes)
    return decode_infer(body, header_length, CONTRACT)


def parsed(inference: Inference) -> triton.InferResult:
    """What Triton's client makes of our answer."""
    body, headers = encode_infer(PREDICTIONS, CONTRACT, "1.2.3", inference)
    length = headers.get(LENGTH_HEADER)
    return triton.InferenceServerClient.parse_response_body(body, header_length=length and int(length))


@pytest.mark.parametrize("tail", [(), (1,)])
def test_the_bytes_of_tritons_client_are_understood(tail: tuple[int, ...]) -> None:
    inference = request(triton_inputs(COLUMNS, tail=tail), request_id="mine")
    assert_same(inference.columns, COLUMNS)
    assert inference.id == "mine"
    assert [(one.name, one.binary) for one in inference.outputs] == [(name, True) for name in ALL]


@pytest.mark.parametrize("tail", [(), (1,)])
def test_the_json_of_tritons_client_is_understood(tail: tuple[int, ...]) -> None:
    assert_same(request(triton_inputs(COLUMNS, binary=False, tail=tail)).columns, COLUMNS)


@pytest.mark.parametrize("name", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
def test_numbers_of_every_size_are_understood(name: str) -> None:
    values = np.array([3, 100], dtype=name)
    datatype = tritonclient.utils.np_to_triton_dtype(values.dtype.type)
    inputs = triton_inputs(COLUMNS)[1:]
    inference = request([triton_input("distance", values, datatype), *inputs])
    assert inference.columns["distance"].tolist() == [3.0, 100.0]


def test_bytes_and_json_may_be_mixed_and_an_unknown_tensors_bytes_are_skipped() -> None:
    names = triton_inputs(COLUMNS)
    inputs = [
        names[0],
        triton_input("colour", np.arange(6.0), "FP64"),
        *triton_inputs({"carrier": COLUMNS["carrier"]}, binary=False),
        names[4],
    ]
    assert_same(request(inputs).columns, {name: COLUMNS[name] for name in ("distance", "carrier", "tail")})


def test_nan_as_bytes_is_null() -> None:
    values = np.array([np.nan, 5.0])
    inputs = [triton_input("seats", values, "FP64"), triton_inputs(COLUMNS)[0]]
    np.testing.assert_array_equal(request(inputs).columns["seats"], values)


def test_a_signalling_nan_is_taken_in_silence(recwarn: pytest.WarningsRecorder) -> None:
    raw = b"\x01\x00\x80\x7f" * 2
    header = {"name": "seats", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
    text = json.dumps({"inputs": [header]}).encode()
    assert np.isnan(decode_infer(text + raw, len(text), CONTRACT).columns["seats"]).all()
    assert not recwarn.list


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_reads_our_answer(binary: bool) -> None:
    wishes = [triton.InferRequestedOutput(name, binary_data=binary) for name in ALL]
    result = parsed(request(triton_inputs(COLUMNS), outputs=wishes, request_id="mine"))
    told = {key: value for key, value in result.get_response().items() if key != "outputs"}
    assert told == {"model_name": "flights", "model_version": "1.2.3", "id": "mine"}
    came = [one.decode() if binary else one for one in result.as_numpy("prediction")]
    assert came == ["late", "ünter"]
    probabilities = np.array([result.as_numpy(name) for name in ALL[1:]]).T
    np.testing.assert_array_equal(probabilities, PREDICTIONS.values)


def test_an_answer_may_mix_bytes_and_json() -> None:
    wishes = [triton.InferRequestedOutput(ALL[2]), triton.InferRequestedOutput(ALL[0], binary_data=False)]
    result = parsed(request(triton_inputs(COLUMNS), outputs=wishes))
    assert result.as_numpy(ALL[2]).tolist() == [0.25, 0.875]
    assert result.as_numpy(ALL[0]).tolist() == ["late", "ünter"]
    assert result.get_output(ALL[1]) is None


def test_an_answer_with_bytes_says_where_its_json_ends() -> None:
    inference = decode_infer(
        json.dumps({"inputs": [], "parameters": {"binary_data_output": True}}).encode(), None, CONTRACT
    )
    body, headers = encode_infer(PREDICTIONS, CONTRACT, "1.2.3", inference)
    length = int(headers.pop(LENGTH_HEADER))
    assert headers == {"content-type": "application/octet-stream"}
    sizes = [output["parameters"]["binary_data_size"] for output in json.loads(body[:length])["outputs"]]
    assert sizes == [4 + 4 + 4 + 6, 16, 16]
    assert len(body) == length + sum(sizes)


def binary(name: str, raw: bytes, **changes: Any) -> tuple[bytes, int]:
    """A body with one tensor of two rows whose values are these bytes, and where its JSON ends."""
    header = {"name": name, "shape": [2], "datatype": TYPES[name], "parameters": {"binary_data_size": len(raw)}}
    text = json.dumps({"inputs": [header | changes]}).encode()
    return text + raw, len(text)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            binary("distance", bytes(12)),
            "column 'distance': expected 16 bytes of binary data for 2 values of FP64, got 12",
        ),
        (
            binary("distance", bytes(8), shape=[2**62]),
            "column 'distance': expected 36893488147419103232 bytes of binary data for 4611686018427387904 values of "
            "FP64, got 8",
        ),
        (
            binary("weekend", bytes(3)),
            "column 'weekend': expected 2 bytes of binary data for 2 values of BOOL, got 3",
        ),
        (
            binary("tail", b"\2\0\0\0N1\2\0\0"),
            "row 1, column 'tail': the string ends at byte 10, but the binary data has only 9 bytes",
        ),
        (
            binary("tail", b"\2\0\0\0N1\3\0\0\0N2"),
            "row 1, column 'tail': the string ends at byte 13, but the binary data has only 12 bytes",
        ),
        (
            binary("tail", b"\2\0\0\0N1\0\0\0\0?"),
            "column 'tail': 1 bytes left over after the last of 2 strings",
        ),
        (
            binary("tail", b"\2\0\0\0N1\xff\xff\xff\xff"),
            "row 1, column 'tail': the string ends at byte 4294967305, but the binary data has only 10 bytes",
        ),
        (
            binary("tail", b"\2\0\0\0N1\2\0\0\0\xc3\x28"),
            "row 1, column 'tail': expected valid UTF-8, got a string with invalid continuation byte",
        ),
        (
            binary("tail", b"\2\0\0\0N1\3\0\0\0\xed\xa0\x80"),
            "row 1, column 'tail': expected valid UTF-8, got a string with invalid continuation byte",
        ),
        (
            binary("distance", bytes(16), data=[1, 2]),
            "column 'distance' has both 'data' and 'binary_data_size'; send only one of them",
        ),
        (
            binary("distance", bytes(16), datatype="INT4"),
            "column 'distance': expected the datatype FP64 or FP32 or FP16 or INT8 or INT16 or INT32 or INT64 or UINT8 or "
            'UINT16 or UINT32 or UINT64, got "INT4"',
        ),
        (
            binary("tail", bytes(8), shape=[2, 2]),
            "column 'tail': expected the shape [N] or [N, 1], got [2, 2]",
        ),
        (
            binary("distance", bytes(16), parameters={"binary_data_size": 8}),
            "16 bytes of binary data follow the JSON, but the inputs' 'binary_data_size' add up to 8; "
            "Inference-Header-Content-Length must be the length of the JSON",
        ),
        (
            binary("distance", bytes(8), parameters={"binary_data_size": 16}),
            "8 bytes of binary data follow the JSON, but the inputs' 'binary_data_size' add up to 16; "
            "Inference-Header-Content-Length must be the length of the JSON",
        ),
        (
            (binary("distance", b"", parameters={"binary_data_size": 16})[0], None),
            "0 bytes of binary data follow the JSON, but the inputs' 'binary_data_size' add up to 16; "
            "Inference-Header-Content-Length must be the length of the JSON",
        ),
        ((b"{}", 3), "Inference-Header-Content-Length is 3, but the body has 2 bytes"),
        ((b"{}", -1), "Inference-Header-Content-Length is -1, but the body has 2 bytes"),
        ((b'{"inputs": []}', 0), "the body is not valid JSON: Input data was truncated"),
    ],
)
def test_bytes_that_do_not_add_up_are_refused(body: tuple[bytes, int | None], message: str) -> None:
    with pytest.raises(ContractError) as refused:
        decode_infer(*body, CONTRACT)
    assert str(refused.value) == message


def test_columns_of_bytes_and_of_json_must_agree_in_rows() -> None:
    inputs = [*triton_inputs({"distance": np.zeros(3)}), *triton_inputs({"tail": COLUMNS["tail"]}, binary=False)]
    with pytest.raises(ContractError) as refused:
        request(inputs)
    assert str(refused.value) == "all columns must have the same number of rows, but 'distance' has 3, 'tail' has 2"


@given(FULL_ROWS)
def test_any_rows_come_out_of_tritons_bytes_as_they_went_in(rows: list[dict[str, Any]]) -> None:
    columns = {
        name: np.array([row[name] for row in rows], dtype=object if name in CONTRACT.strings else np.float64)
        for name in TYPES
    }
    assert_same(request(triton_inputs(columns)).columns, columns)


@given(st.sampled_from(sorted(TYPES)), st.binary(max_size=24), st.integers(0, 3), st.sampled_from([None, -1, 0, 1, 90]))
def test_whatever_the_bytes_are_they_are_taken_or_refused(name: str, raw: bytes, rows: int, shift: int | None) -> None:
    body, length = binary(name, raw, shape=[rows])
    with contextlib.suppress(ContractError):
        decode_infer(body, None if shift is None else length + shift, CONTRACT)


@given(st.binary(max_size=64), st.none() | st.integers(-70, 70))
def test_a_body_of_noise_is_taken_or_refused(body: bytes, length: int | None) -> None:
    with pytest.raises(ContractError):
        decode_infer(body, length, CONTRACT)


def test_a_tensor_that_no_request_can_hold_costs_no_memory() -> None:
    text = json.dumps({"inputs": [tensor("tail", "BYTES", shape=[2**62])]}).encode()
    with pytest.raises(ContractError, match=r"expected \d+ values for the shape .*, got 0"):
        decode_infer(text, None, CONTRACT)
