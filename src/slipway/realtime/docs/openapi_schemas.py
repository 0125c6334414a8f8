"""Builds the JSON schemas of requests and responses from the contract."""

from __future__ import annotations

from typing import Any

from slipway.contract.schema import Column, Contract
from slipway.realtime.protocols.v2.metadata import ACCEPTED_DATATYPES, DATATYPES

Schema = dict[str, Any]

_TYPES = {"double": "number", "long": "integer", "boolean": "boolean", "string": "string"}
_LARGEST_LONG = (1 << 63) - 513
"""The largest integer that is still below 2**63 after rounding to float64, the type of the model's inputs."""
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_TEXT: Schema = {"type": "string"}
_SHAPE: Schema = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 2}


def contract_schemas(contract: Contract) -> dict[str, Schema]:
    """Return every named schema that depends on the contract."""
    return {
        "Row": _row(contract),
        "Invocation": {"oneOf": [_form(name, _content(name, contract)) for name in _FORMS]},
        "Predictions": _object({"predictions": _array(_prediction(contract))}),
        **_inference(contract),
    }


def value_schema(column: Column, null_string: str) -> Schema:
    """Return the schema of one value of a column."""
    schema: Schema = {"type": _TYPES[column.type]}
    if column.type == "long":
        schema |= {"minimum": -_LARGEST_LONG, "maximum": _LARGEST_LONG}
    elif column.values:
        schema["enum"] = list(column.values)
    elif column.type == "string":
        schema["not"] = {"const": null_string}
    return _allow_null(schema) if column.nullable else schema


def schema_reference(name: str) -> Schema:
    """Return a reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def _row(contract: Contract) -> Schema:
    properties = {column.name: value_schema(column, contract.null_string) for column in contract.inputs}
    return _object(properties, required=_mandatory_names(contract)) | {"description": "Unknown columns are ignored."}


def _form(name: str, content: Schema) -> Schema:
    others = {other: False for other in _FORMS if other != name}
    return {"title": name} | _object({name: content, **others}, required=[name])


def _content(form: str, contract: Contract) -> Schema:
    if form == "dataframe_split":
        return _split(contract)
    rows = _array(schema_reference("Row")) | {"minItems": 1}
    choices = [rows]
    if form == "inputs":
        choices += [schema_reference("Row"), _columns(contract)]
    if form != "dataframe_records" and len(contract.inputs) == 1:
        choices.append(_array(value_schema(contract.inputs[0], contract.null_string)) | {"minItems": 1})
    return rows if len(choices) == 1 else {"anyOf": choices}


def _split(contract: Contract) -> Schema:
    # Only the contract's column order is documented: a JSON schema cannot express that the rows follow any other order.
    cells = [value_schema(column, contract.null_string) for column in contract.inputs]
    row = {"type": "array", "prefixItems": cells, "items": False, "minItems": len(cells)}
    schema = _object({"columns": {"const": [column.name for column in contract.inputs]}, "data": _array(row)})
    return schema | {"description": "The columns can have any order, as long as the rows have the same order."}


def _columns(contract: Contract) -> Schema:
    lists = {column.name: _array(value_schema(column, contract.null_string)) for column in contract.inputs}
    return _object(lists, required=_mandatory_names(contract)) | {"description": "All lists have the same length."}


def _prediction(contract: Contract) -> Schema:
    if contract.task == "regression":
        return {"type": "number"}
    count = len(contract.classes)
    described = f"The probability of {', '.join(contract.classes)}, in this order."
    return _array({"type": "number"}) | {"minItems": count, "maxItems": count, "description": described}


def _inference(contract: Contract) -> dict[str, Schema]:
    outputs = {"type": "string", "enum": [column.name for column in contract.outputs]}
    output = _object({"name": outputs, "parameters": _parameters("binary_data", "boolean")}, required=["name"])
    request = {
        "id": _TEXT,
        "parameters": _parameters("binary_data_output", "boolean"),
        "inputs": _array({"anyOf": [_tensor(column, contract) for column in contract.inputs]}),
        "outputs": _array(output),
    }
    tensor = _v2_tensor(outputs, sorted(set(DATATYPES.values())), {"type": ["number", "string"]})
    response = {"model_name": _TEXT, "model_version": _TEXT, "id": _TEXT, "outputs": _array(tensor)}
    return {
        "InferenceRequest": _object(request, required=["inputs"])
        | {"description": f"Requires a tensor for each of {', '.join(_mandatory_names(contract)) or 'no columns'}."},
        "InferenceResponse": _object(response, required=["model_name", "model_version", "outputs"]),
    }


def _tensor(column: Column, contract: Contract) -> Schema:
    one = value_schema(column, contract.null_string)
    nested = _array(one) | {"minItems": 1, "maxItems": 1}
    accepted = list(ACCEPTED_DATATYPES[column.type])
    return {"title": column.name} | _v2_tensor({"const": column.name}, accepted, {"anyOf": [one, nested]})


def _v2_tensor(name: Schema, datatypes: list[str], data: Schema) -> Schema:
    properties = {
        "name": name,
        "shape": _SHAPE,
        "datatype": {"enum": datatypes},
        "data": _array(data),
        "parameters": _parameters("binary_data_size", "integer"),
    }
    return _object(properties, required=["name", "shape", "datatype"])


def _mandatory_names(contract: Contract) -> list[str]:
    return [column.name for column in contract.inputs if not column.nullable]


def _object(properties: dict[str, Any], required: list[str] | None = None) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _parameters(name: str, kind: str) -> Schema:
    return _object({name: {"type": kind} | ({"minimum": 0} if kind == "integer" else {})}, required=[])


def _allow_null(schema: Schema) -> Schema:
    nullable = schema | {"type": [schema["type"], "null"]}
    return nullable | {"enum": [*schema["enum"], None]} if "enum" in schema else nullable
