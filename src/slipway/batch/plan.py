"""Plan a job before the first row is read: its files, its columns, and the digest that identifies it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from math import ceil
from typing import Any, Literal

import pyarrow as pa
from pyarrow import types

from slipway.bundle.release_file import Bundle
from slipway.contract.schema import Contract
from slipway.errors import DataError
from slipway.reporting.suggestions import closest_match
from slipway.storage.digests import digest_of
from slipway.tables.arrow_columns import check_types
from slipway.tables.chunks import UNIT
from slipway.tables.dataset_manifest import RELEASE_COLUMN
from slipway.tables.input_files import InputFile, find_inputs
from slipway.tables.readers import schema_of

FORMAT_VERSION = 1
Format = Literal["parquet", "csv", "csv.gz"]


@dataclass(frozen=True, slots=True)
class Options:
    """The options that change the bytes of a dataset. An empty ``keep`` keeps every column; a part has complete units."""

    keep: tuple[str, ...] = ()
    format: Format = "parquet"
    rows_per_part: int = 16 * UNIT

    @property
    def unit(self) -> int:
        """Number of rows that are scored together."""
        return min(UNIT, self.rows_per_part)

    @property
    def rows_of_full_part(self) -> int:
        """Input rows of every part except the last: a multiple of ``unit``."""
        return ceil(self.rows_per_part / self.unit) * self.unit


@dataclass(frozen=True, slots=True)
class Plan:
    """The input files in order with the columns to read from each, the kept columns, and the output's schema.

    ``identity`` is everything that determines the bytes of a dataset; empty for a single file, which has no manifest.
    """

    source: str
    inputs: Sequence[InputFile]
    input_schemas: Sequence[pa.Schema]
    kept_columns: Sequence[str]
    schema: pa.Schema
    options: Options
    identity: Mapping[str, Any]

    @property
    def job(self) -> str:
        """The digest of everything that determines the dataset's bytes."""
        return digest_of(self.identity)

    @property
    def measured(self) -> bool:
        """Whether column statistics are needed: only a manifest reports them."""
        return bool(self.identity)


def plan_dataset(source: str, bundle: Bundle, contract: Contract, options: Options) -> Plan:
    """Inspect every file of IN and plan a dataset.

    Raises:
        DataError: see ``plan_file``.
        ContractError: see ``plan_file``.
    """
    plan = plan_file(source, contract, options)
    return replace(plan, identity=_identity(plan.inputs, bundle, options))


def plan_file(source: str, contract: Contract, options: Options) -> Plan:
    """Inspect every file of IN and plan a single output file.

    Raises:
        DataError: there is no file, some cannot be read (all are named), or they lack a column or differ in its type.
        ContractError: a column has a type that cannot be converted to the contract's type.
    """
    inputs = find_inputs(source)
    schemas = _read_schemas(inputs, contract)
    kept = list(dict.fromkeys(options.keep)) or schemas[0].names
    wanted = [_schema_to_read(file, schema, contract, kept) for file, schema in zip(inputs, schemas, strict=True)]
    fields = [_kept_fields(file, schema, contract, kept) for file, schema in zip(inputs, wanted, strict=True)]
    _check_same_types(inputs, fields)
    return Plan(source, inputs, wanted, kept, _output_schema(source, fields[0], contract), options, identity={})


def check_inputs(plan: Plan, rows: int) -> None:
    """Check, after reading, that no input file has changed and that there are rows.

    Raises:
        DataError: a file changed while it was read, or there are no rows.
    """
    if changed := [file.path for file in plan.inputs if file.has_changed()]:
        raise DataError(f"{changed[0]} changed while it was read; nothing was published; run the job again")
    if rows == 0:
        raise DataError(f"{plan.source} has no rows; nothing was written")


def _read_schemas(inputs: Sequence[InputFile], contract: Contract) -> list[pa.Schema]:
    found, failed = [], []
    for file in inputs:
        try:
            found.append(schema_of(file, contract))
        except DataError as error:
            failed.append(str(error))
    if failed:
        raise DataError("; ".join(failed) + "; nothing was written")
    return found


def _schema_to_read(file: InputFile, schema: pa.Schema, contract: Contract, kept: Sequence[str]) -> pa.Schema:
    required = [column.name for column in contract.inputs if not column.nullable]
    for name in (*required, *kept):
        if name not in schema.names:
            meant = closest_match(name, schema.names)
            hint = f" (did you mean '{meant}'?)" if meant else f"; it has {', '.join(map(repr, schema.names))}"
            raise DataError(f"{file.path} has no column '{name}'{hint}; nothing was written")
    check_types(schema, contract, file.path)
    inputs = {column.name for column in contract.inputs}
    return pa.schema([field for field in schema if field.name in kept or field.name in inputs])


def _kept_fields(file: InputFile, schema: pa.Schema, contract: Contract, kept: Sequence[str]) -> list[pa.Field]:
    fields = [schema.field(name) for name in kept]
    # Each file can have another dictionary, so the values themselves are written.
    kinds = {f.name: f.type.value_type if types.is_dictionary(f.type) else f.type for f in fields}
    if file.format in ("csv", "json"):
        # Text does not declare types, so the contract decides which columns are written as whole numbers.
        kinds |= {c.name: pa.int64() for c in contract.inputs if c.type == "long" and c.name in kinds}
    return list(pa.schema(kinds))


def _check_same_types(inputs: Sequence[InputFile], fields: Sequence[list[pa.Field]]) -> None:
    for file, own in zip(inputs[1:], fields[1:], strict=True):
        for first, other in zip(fields[0], own, strict=True):
            if first.type != other.type:
                raise DataError(
                    f"column '{first.name}' is {first.type} in {inputs[0].path} but {other.type} in {file.path}; "
                    "use the same type in both or leave the column out with --keep; nothing was written"
                )


def _output_schema(source: str, kept: Sequence[pa.Field], contract: Contract) -> pa.Schema:
    kinds = {"string": pa.string(), "double": pa.float64()}
    added = [*(pa.field(c.name, kinds[c.type]) for c in contract.outputs), pa.field(RELEASE_COLUMN, pa.string())]
    names = {field.name for field in kept}
    if clash := [field.name for field in added if field.name in names]:
        raise DataError(
            f"{source} already has a column '{clash[0]}', which the job adds; select columns by --keep; nothing was written"
        )
    return pa.schema([*kept, *added])


def _identity(inputs: Sequence[InputFile], bundle: Bundle, options: Options) -> dict[str, Any]:
    return {
        "format": FORMAT_VERSION,
        "release": bundle.release.version,
        "bundle_digest": bundle.digest,
        "inputs": [file.manifest_entry() for file in inputs],
        "options": {**asdict(options), "keep": list(options.keep)},
        # Other versions of these libraries can write other bytes, so a job does not resume from parts that they wrote.
        "libraries": {name: version(name) for name in ("numpy", "onnxruntime", "pyarrow")},
    }
