"""One batch job, top to bottom: open, check, predict, write."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from slipway.batch.file_sink import Sink, check_destination, open_sink
from slipway.batch.file_source import Source, open_source
from slipway.bundle.release_file import Bundle
from slipway.contract.schema import Contract
from slipway.errors import ContractError, DataError
from slipway.inference.scorer import Predictions, Problem, Scorer, load
from slipway.tables.arrow_columns import check_types, from_numbers, from_texts, repeated, to_columns, to_kept

RELEASE_COLUMN = "release"
_EXAMPLES = 3
Progress = Callable[[int], None]


def score(
    source: Path,
    out: Path,
    bundle: Bundle | Path,
    *,
    keep: Sequence[str] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score a CSV or Parquet file into another one, chosen by their suffixes.

    The output holds the kept columns (all of the source's, unless ``keep`` names some), the contract's outputs and
    ``release``. It appears whole or not at all: any failure leaves what stood at ``out`` before.

    Args:
        bundle: a verified bundle or its folder; a link such as ``current`` is followed once, here.
        progress: called after each batch with the number of rows that were read so far.

    Returns:
        rows, seconds, release and digest of the bundle, and the output's path.

    Raises:
        DataError: the source is missing, empty, truncated, or lacks a column.
        ContractError: a column has a wrong type, or rows break the contract; nothing was written.
        StorageError: the output cannot be written.
    """
    began = time.perf_counter()
    check_destination(source, out)
    scorer = _loaded(bundle)
    with open_source(source, scorer.contract, keep) as opened:
        check_types(opened.schema, scorer.contract, source)
        schema = _schema(opened, scorer.contract, source)
        with open_sink(out, schema) as sink:
            rows = _stream(opened, sink, scorer, progress)
    seconds = round(time.perf_counter() - began, 3)
    release = scorer.bundle.release.version
    return {"rows": rows, "seconds": seconds, "release": release, "digest": scorer.bundle.digest, "out": str(out)}


class Findings:
    """How many rows broke the contract, and the first few reasons."""

    def __init__(self) -> None:
        self.rows = 0
        self.examples: list[Problem] = []

    def add(self, problems: Sequence[Problem], first_row: int) -> None:
        """Note the problems of a batch that starts at ``first_row``."""
        self.rows += len({problem.row for problem in problems})
        room = _EXAMPLES - len(self.examples)
        self.examples += [problem._replace(row=problem.row + first_row) for problem in problems[:room]]

    def refuse(self, source: Path, rows: int) -> None:
        """Raise when any row broke the contract."""
        if self.rows:
            raise ContractError(
                f"{self.rows} of the {rows} rows of {source} break the contract, so nothing was written: "
                + "; ".join(map(str, self.examples))
                + ("; ..." if self.rows > _EXAMPLES else "")
            )


def _loaded(bundle: Bundle | Path) -> Scorer:
    folder, digest = (bundle, None) if isinstance(bundle, Path) else (bundle.path, bundle.digest)
    scorer = load(folder, threads=os.cpu_count() or 1, expected_digest=digest)
    scorer.check_golden()
    return scorer


def _schema(source: Source, contract: Contract, path: Path) -> pa.Schema:
    types = {"string": pa.string(), "double": pa.float64()}
    outputs = [pa.field(column.name, types[column.type]) for column in contract.outputs]
    added = [*outputs, pa.field(RELEASE_COLUMN, pa.string())]
    if clash := [field.name for field in added if field.name in source.kept]:
        raise DataError(f"{path} already has a column '{clash[0]}', which the job adds; choose columns with --keep")
    return pa.schema([*(source.kept_field(name) for name in source.kept), *added])


def _stream(source: Source, sink: Sink, scorer: Scorer, progress: Progress | None) -> int:
    rows, findings = 0, Findings()
    for batch in source.batches():
        columns = scorer.completed(to_columns(batch, scorer.contract, source.empty_is_null))
        findings.add(scorer.problems(columns), rows)
        # Once a row is refused nothing will be written; the rest is read only to count.
        if not findings.rows:
            sink.write(_answer(batch, scorer.predict_checked(columns), source, sink.schema, scorer))
        rows += batch.num_rows
        if progress is not None:
            progress(rows)
    if rows == 0:
        raise DataError(f"{source.path} has no rows; nothing was written")
    findings.refuse(source.path, rows)
    return rows


def _answer(
    batch: pa.RecordBatch, predictions: Predictions, source: Source, schema: pa.Schema, scorer: Scorer
) -> pa.RecordBatch:
    kept = [to_kept(batch.column(name), schema.field(name).type) for name in source.kept]
    release = repeated(scorer.bundle.release.version, batch.num_rows)
    outputs = _outputs(predictions, scorer.contract)
    return pa.RecordBatch.from_arrays([*kept, *outputs, release], schema=schema)


def _outputs(predictions: Predictions, contract: Contract) -> list[pa.Array]:
    values, labels = predictions
    if labels is None:
        return [from_numbers(values)]
    return [from_texts(labels.tolist(), contract.classes), *map(from_numbers, values.T)]
