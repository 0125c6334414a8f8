"""The OpenAPI document is valid, and its schemas take what the server takes and refuse what it refuses."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hatchling.builders.wheel import WheelBuilder
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from slipway.bundle.release_file import GoldenRows
from slipway.contract.schema import Column, Contract, outputs_of
from slipway.contract.validation import violations
from slipway.errors import ContractError
from slipway.inference.engines import Predictions
from slipway.realtime.docs.openapi import OPEN_PATHS, openapi_document
from slipway.realtime.protocols.mlflow.decode import decode_csv, decode_json
from slipway.realtime.protocols.v2.infer import decode_infer, encode_infer
from slipway.realtime.protocols.v2.metadata import model_metadata, server_metadata
from slipway.realtime.protocols.v2.request import LENGTH_HEADER
from tests.support.bundles import GOLDEN, answers, labels, make_contract
from tests.support.v2_requests import CONTRACT, tensors

FLIGHTS = make_contract()
PROBE = GoldenRows(GOLDEN, answers(GOLDEN).tolist())
ROW = {"distance": 0.5, "seats": 100, "weekend": True, "carrier": "AA", "tail": "N1"}
MODEL = "/v2/models/flights"
VERSION = f"{MODEL}/versions/1.2.3"


def document(contract: Contract = FLIGHTS, golden: GoldenRows = PROBE, *, secured: bool = False) -> Any:
    return json.loads(openapi_document(contract, "1.2.3", golden, secured=secured))


def validator(name: str, contract: Contract = CONTRACT) -> Draft202012Validator:
    """The named schema, with what it refers to."""
    whole = document(contract, GoldenRows({}, []))
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": whole["components"]})


def is_taken(body: Any) -> bool:
    """Does the server take it: the form, the types and the values?"""
    try:
        columns = decode_json(json.dumps(body).encode(), CONTRACT)
    except ContractError:
        return False
    required = {column.name for column in CONTRACT.inputs if not column.nullable}
    return required <= columns.keys() and not any(
        list(violations(columns[c.name], c, CONTRACT.null_string)) for c in CONTRACT.inputs if c.name in columns
    )


ODD = Contract("a b/{c}", "regression", (Column("d/{e}~ f", "boolean", True),), outputs_of("regression", ()))
REGRESSION = Contract("delay", "regression", (Column("distance", "double"),), outputs_of("regression", ()))


@pytest.mark.parametrize("contract", [FLIGHTS, REGRESSION, ODD])
@pytest.mark.parametrize("secured", [False, True])
def test_the_document_is_valid_openapi(contract: Contract, secured: bool) -> None:
    made = document(contract, GoldenRows({}, []), secured=secured)
    OpenAPIV31SpecValidator(made).validate()
    assert made["info"]["title"] == contract.name
    assert made["info"]["version"] == "1.2.3"


def test_every_route_is_listed_with_its_method() -> None:
    methods = {path: next(iter(item)) for path, item in document()["paths"].items()}
    assert methods == {
        "/invocations": "post",
        **dict.fromkeys(["/ping", "/health", "/version", "/metrics", "/openapi.json", "/docs"], "get"),
        **dict.fromkeys(["/v2", "/v2/health/live", "/v2/health/ready", MODEL, f"{MODEL}/ready"], "get"),
        **dict.fromkeys([VERSION, f"{VERSION}/ready"], "get"),
        **dict.fromkeys([f"{MODEL}/infer", f"{VERSION}/infer"], "post"),
    }


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("/invocations", ["200", "400", "401", "405", "408", "413", "415", "503"]),
        ("/ping", ["200", "405", "503"]),
        ("/version", ["200", "401", "405"]),
        ("/v2/health/live", ["200", "405"]),
        (MODEL, ["200", "401", "404", "405", "503"]),
        (f"{VERSION}/infer", ["200", "400", "401", "404", "405", "408", "413", "415", "503"]),
    ],
)
def test_the_statuses_of_a_route_are_told(path: str, statuses: list[str]) -> None:
    (operation,) = document(secured=True)["paths"][path].values()
    assert list(operation["responses"]) == statuses


def test_each_answer_names_the_release_and_the_request_and_each_error_has_its_protocols_shape() -> None:
    for path, item in document(secured=True)["paths"].items():
        (operation,) = item.values()
        error_schema = "#/components/schemas/" + ("V2Error" if path.startswith("/v2") else "Error")
        for status, response in operation["responses"].items():
            assert {"x-model-version", "x-request-id"} <= response["headers"].keys(), path
            if status != "200":
                assert response["content"]["application/json"]["schema"] == {"$ref": error_schema}, path


def test_the_header_for_binary_tensors_has_the_protocols_name() -> None:
    operation = document()["paths"][f"{MODEL}/infer"]["post"]
    assert [parameter["name"] for parameter in operation["parameters"]] == [LENGTH_HEADER]
    assert LENGTH_HEADER in operation["responses"]["200"]["headers"]


def test_the_wheel_brings_what_is_the_same_for_every_model() -> None:
    builder = WheelBuilder(str(Path(__file__).parents[3] / "src"))
    assert "slipway/realtime/docs/openapi.json" in {file.distribution_path for file in builder.recurse_included_files()}


def test_only_a_secured_server_asks_for_a_token_and_never_on_a_probe() -> None:
    open_server, made = document(), document(secured=True)
    assert "securitySchemes" not in open_server["components"]
    assert not any("security" in operation for item in open_server["paths"].values() for operation in item.values())
    assert made["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
    unlocked = {path for path, item in made["paths"].items() if "security" not in next(iter(item.values()))}
    assert unlocked == OPEN_PATHS


def test_the_examples_are_valid_and_the_decoders_take_them() -> None:
    contract = FLIGHTS
    content = document()["paths"]["/invocations"]["post"]["requestBody"]["content"]
    for name, example in content["application/json"]["examples"].items():
        validator("Invocation", contract).validate(example["value"])
        columns = decode_json(json.dumps(example["value"]).encode(), contract)
        assert columns["distance"].tolist() == [0.5], name
    assert decode_csv(content["text/csv"]["example"].encode(), contract)["seats"].tolist() == [100]
    posted = document()["paths"][f"{MODEL}/infer"]["post"]["requestBody"]["content"]["application/json"]["example"]
    validator("InferenceRequest", contract).validate(posted)
    assert decode_infer(json.dumps(posted).encode(), None, contract).columns["carrier"].tolist() == ["AA"]


def test_an_example_leaves_out_what_is_null_in_the_golden_row() -> None:
    golden = GoldenRows({"distance": [1.5], "seats": [None], "carrier": ["AA"], "tail": ["a,\nb"]}, [])
    content = document(golden=golden)["paths"]["/invocations"]["post"]["requestBody"]["content"]
    records = content["application/json"]["examples"]["dataframe_records"]["value"]["dataframe_records"]
    assert records == [{"distance": 1.5, "carrier": "AA", "tail": "a,\nb"}]
    read = list(csv.reader(io.StringIO(content["text/csv"]["example"])))
    assert read == [["distance", "carrier", "tail"], ["1.5", "AA", "a,\nb"]]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": [ROW, ROW]},
        {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}},
        {"dataframe_split": {"columns": list(ROW), "data": []}},
        {"instances": [ROW | {"unknown": {}}]},
        {"inputs": [ROW]},
        {"inputs": ROW},
        {"inputs": {name: [value] for name, value in ROW.items()}, "params": {}},
        {"inputs": {"distance": 1, "carrier": "UA"}},
        *({"inputs": ROW | {name: None}} for name in ("seats", "weekend", "tail")),
        {"inputs": ROW | {"seats": (1 << 63) - 513}},
        {"inputs": ROW | {"seats": 2.0}},
        {"inputs": ROW | {"distance": 1e308}},
    ],
)
def test_what_the_schema_takes_the_server_takes(body: Any) -> None:
    validator("Invocation").validate(body)
    assert is_taken(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"rows": []},
        {"inputs": ROW, "instances": [ROW]},
        {"inputs": ROW, "instances": 5},
        {"dataframe_records": ROW},
        {"dataframe_records": [5]},
        {"dataframe_records": []},
        {"instances": [[1, 2, True, "AA", "N1"]]},
        {"dataframe_split": {"columns": list(ROW), "data": [[1]]}},
        {"dataframe_split": {"columns": list(ROW), "data": [[*ROW.values(), 1]]}},
        {"dataframe_split": {"data": [[1]]}},
        {"inputs": {"distance": 1}},
        {"inputs": ROW | {"distance": None}},
        {"inputs": ROW | {"carrier": None}},
        {"inputs": ROW | {"carrier": "ZZ"}},
        {"inputs": ROW | {"distance": "1"}},
        {"inputs": ROW | {"distance": True}},
        {"inputs": ROW | {"seats": 2.5}},
        {"inputs": ROW | {"seats": (1 << 63) - 512}},
        {"inputs": ROW | {"weekend": 1}},
        {"inputs": ROW | {"tail": CONTRACT.null_string}},
        {"inputs": ROW | {"tail": 5}},
    ],
)
def test_what_the_schema_refuses_the_server_refuses(body: Any) -> None:
    assert not validator("Invocation").is_valid(body)
    assert not is_taken(body)


def test_a_closed_set_of_a_nullable_column_holds_null() -> None:
    contract = Contract("m", "regression", (Column("origin", "string", True, ("A",)),), outputs_of("regression", ()))
    row = validator("Row", contract)
    assert [row.is_valid({"origin": value}) for value in ("A", None, "B")] == [True, True, False]


def test_a_model_of_one_column_takes_bare_values_as_its_server_does() -> None:
    body = {"instances": [1.5, 2.5]}
    validator("Invocation", REGRESSION).validate(body)
    assert decode_json(json.dumps(body).encode(), REGRESSION)["distance"].tolist() == [1.5, 2.5]
    assert not validator("Invocation", REGRESSION).is_valid({"dataframe_records": [1.5]})


def test_tensors_are_typed_by_their_column() -> None:
    schema = validator("InferenceRequest")
    good = list(tensors().values())
    schema.validate({"inputs": good, "id": "1", "outputs": [{"name": "prediction"}]})
    schema.validate({"inputs": [good[0] | {"data": [[0.5], [1]], "shape": [2, 1]}]})
    bad = [{"datatype": "BYTES"}, {"data": ["far"]}, {"data": [None]}, {"shape": [1, 1, 1]}, {"shape": [-1]}]
    assert not any(schema.is_valid({"inputs": [good[0] | change]}) for change in bad)
    assert not schema.is_valid({"inputs": good, "outputs": [{"name": "score"}]})


def test_our_answers_are_what_the_document_says() -> None:
    contract, values = FLIGHTS, answers(GOLDEN)
    validator("Predictions", contract).validate({"predictions": values.tolist()})
    validator("Predictions", REGRESSION).validate({"predictions": [1.5]})
    assert not validator("Predictions", contract).is_valid({"predictions": [[0.5]]})
    inference = decode_infer(b'{"inputs": [], "id": "1"}', None, contract)
    predictions = Predictions(values, np.array(labels(values), dtype=object))
    body, _ = encode_infer(predictions, contract, "1.2.3", inference)
    validator("InferenceResponse", contract).validate(json.loads(body))
    validator("ServerMetadata").validate(json.loads(server_metadata()))
    validator("ModelMetadata").validate(json.loads(model_metadata(contract, "1.2.3")))
    validator("V2Error").validate({"error": "no"})
