"""Read the rows that `slipway predict` is given: JSON, column=value pairs, a small file, or a golden row of the release."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from slipway.contract.schema import Contract
from slipway.errors import ContractError, DataError, SettingsError
from slipway.inference.engines import Array, Columns
from slipway.inference.scorer import Scorer, columns_of
from slipway.realtime.protocols.columns import to_arrays
from slipway.realtime.protocols.mlflow.decode import decode_csv, decode_json
from slipway.reporting.suggestions import closest_match

MAX_ROWS = 100
MAX_FILE_BYTES = 10 << 20
_MLFLOW_FORMS = frozenset({"dataframe_split", "dataframe_records", "instances", "inputs"})
_LARGE = "; use `slipway batch IN OUT` for large files"


@dataclass(frozen=True, slots=True)
class GivenRows:
    """Rows as the user gave them.

    ``names`` are all given columns, ``columns`` those in the contract, as typed arrays. ``typed_by_hand`` is true for
    column=value pairs, in which an unknown column is certainly a mistake; ``many`` for a list or a file.
    """

    names: tuple[str, ...]
    columns: Columns
    typed_by_hand: bool = False
    many: bool = False


def read_rows(arguments: Sequence[str], scorer: Scorer, read_stdin: Callable[[], bytes]) -> GivenRows:
    """Read the rows that the arguments of `slipway predict` name; without arguments, the first golden row.

    Raises:
        DataError: a file or JSON text cannot be read, or has no rows or too many.
        ContractError: a value has the wrong type.
        SettingsError: the arguments are not all column=value pairs.
    """
    contract = scorer.contract
    if not arguments:
        first = {name: values[:1] for name, values in scorer.golden.inputs.items()}
        return GivenRows(tuple(first), columns_of(first, contract))
    if len(arguments) == 1:
        (text,) = arguments
        if text == "-":
            return _rows_of_json(read_stdin(), "stdin", contract)
        if text.lstrip().startswith(("{", "[")):
            return _rows_of_json(text.encode(), "the argument", contract)
        if "=" not in text or Path(text).is_file():
            return _rows_of_file(Path(text), contract)
    return _rows_of_pairs(arguments, contract)


def ignored_columns(given: GivenRows, contract: Contract) -> list[str]:
    """Check the names of the given columns against the contract, and describe those that it does not have.

    As over HTTP, other columns are allowed in JSON and files, where rows often have more columns than the model needs.

    Raises:
        ContractError: a required column is missing, or a column=value pair names an unknown one.
    """
    known = [column.name for column in contract.inputs]
    missing = [column.name for column in contract.inputs if column.name not in given.names and not column.nullable]
    absent = [name for name in known if name not in given.names]
    unknown = [_describe_unknown(name, absent) for name in given.names if name not in known]
    if missing or (unknown and given.typed_by_hand):
        problems = [_count("unknown column", unknown)] * bool(unknown)
        problems += [_count("missing column", list(map(repr, missing)))] * bool(missing)
        raise ContractError(f"the columns do not match the contract of '{contract.name}': {'; '.join(problems)}")
    return unknown


def _rows_of_pairs(pairs: Sequence[str], contract: Contract) -> GivenRows:
    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise SettingsError(f"expected column=value pairs, one JSON text or one file, got {wrong[0]!r}")
    names, values = zip(*(_split_pair(pair, contract) for pair in pairs), strict=True)
    # One row of CSV, because there too the types come from the contract and an empty value is null.
    text = io.StringIO()
    csv.writer(text).writerows([names, values])
    return GivenRows(names, decode_csv(text.getvalue().encode(), contract, complete=False), typed_by_hand=True)


def _split_pair(pair: str, contract: Contract) -> tuple[str, str]:
    """Split at the equals sign after a column of the contract, because a column's name can have one too."""
    known = [column.name for column in contract.inputs if pair.startswith(f"{column.name}=")]
    name = max(known, key=len, default=pair.partition("=")[0])
    return name, pair[len(name) + 1 :]


def _rows_of_file(path: Path, contract: Contract) -> GivenRows:
    if not path.is_file():
        raise DataError(f"{path}: no such file; give COLUMN=VALUE pairs, a JSON object or a file")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise DataError(f"{path} has {path.stat().st_size:,} bytes, but {MAX_FILE_BYTES:,} is the limit{_LARGE}")
    match path.suffix.lower():
        case ".json" | ".jsonl" | ".ndjson":
            return _rows_of_json(path.read_bytes(), str(path), contract)
        case ".csv":
            return _rows_of_csv(path, contract)
        case ".parquet":
            return _rows_of_records(_read_parquet(path), str(path), contract)
    raise SettingsError(f"{path} must end in .json, .jsonl, .ndjson, .csv or .parquet")


def _rows_of_csv(path: Path, contract: Contract) -> GivenRows:
    try:
        columns = decode_csv(content := path.read_bytes(), contract, complete=False)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from None
    lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    names = next(line for line in lines if line)
    _check_count(sum(1 for line in lines if line), str(path))
    return GivenRows(tuple(names), columns, many=True)


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from None
    _check_count(table.num_rows, str(path))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _rows_of_json(text: bytes, origin: str, contract: Contract) -> GivenRows:
    document = _parse_json(text, origin)
    if not isinstance(document, dict):
        return _rows_of_records(document, origin, contract)
    if len(document) == 1 and _is_mlflow_body(document, contract):
        columns = decode_json(text, contract)
        return GivenRows(tuple(columns), columns, many=True)
    return _rows_of_records([document], origin, contract, many=False)


def _is_mlflow_body(document: Mapping[str, Any], contract: Contract) -> bool:
    """Whether this is a body for /invocations, as copied from a curl command, and not a row with a column of that name."""
    names = {column.name for column in contract.inputs}
    return document.keys() <= _MLFLOW_FORMS - names


def _parse_json(text: bytes, origin: str) -> Any:
    """Parse one JSON document, or JSON Lines into a list."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise DataError(f"{origin} is not valid JSON: {error}") from None
        try:
            return [msgspec.json.decode(line) for line in lines]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise DataError(f"{origin} is not valid JSON or JSON Lines: {error}") from None


def _rows_of_records(records: Any, origin: str, contract: Contract, *, many: bool = True) -> GivenRows:
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise DataError(f"{origin} must be a JSON object or a list of objects, one per row")
    _check_count(len(records), origin)
    names = tuple(dict.fromkeys(name for record in records for name in record))
    present = [column.name for column in contract.inputs if column.nullable or column.name in names]
    columns: dict[str, Array] = to_arrays({name: [r.get(name) for r in records] for name in present}, contract)
    return GivenRows(names, columns, many=many)


def _check_count(rows: int, origin: str) -> None:
    if rows == 0:
        raise DataError(f"{origin} has no rows")
    if rows > MAX_ROWS:
        raise DataError(f"{origin} has {rows:,} rows, but {MAX_ROWS} is the limit{_LARGE}")


def _describe_unknown(name: str, absent: Iterable[str]) -> str:
    meant = closest_match(name, absent)
    return f"{name!r} (did you mean {meant!r}?)" if meant else repr(name)


def _count(what: str, names: Sequence[str]) -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(names)}"
