"""Run in a Python worker of Spark: write a complete part with the local engine's code, and return its bytes."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from slipway.batch.engine import chunks_from, group_units, write_part
from slipway.batch.output.checkpoint import Checkpoint, PartRecord
from slipway.batch.plan import Plan
from slipway.batch.scoring.score_chunk import ChunkScorer
from slipway.errors import DataError, SlipwayError, SparkError
from slipway.inference.scorer import Scorer, load
from slipway.tables.chunks import InputPosition, units
from slipway.tables.input_files import InputFile
from slipway.tables.readers import chunks_of

RESULT_SCHEMA = pa.schema(
    [("number", pa.int64()), ("file", pa.string()), ("content", pa.binary()), ("report", pa.string()),
     ("error", pa.string())]
)  # fmt: skip
"""The output of a task: its files in slices, then a JSON report (``report``), or an error."""
RESULT_DDL = "number long, file string, content binary, report string, error string"
"""The same schema in Spark's notation."""
_SLICE = 1 << 23
"""Bytes of a file in each row of the output, far below the 2 GB limit of Arrow's binary columns."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """What every task of a job needs: the plan, and the name under which Spark unpacked the bundle."""

    plan: Plan
    archive: str


def count_rows(job: Shipment, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return the number of rows of each file, given by its number."""
    return _run_tasks(batches, partial(_count_file, job))


def make_parts(job: Shipment, counts: Sequence[int], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return the files, in slices, and the record of each part, given by its number. ``counts`` are the rows per file."""
    return _run_tasks(batches, partial(_make_part, job, counts))


def find_position(row: int, counts: Sequence[int]) -> InputPosition:
    """Return the file, and the row in it, of row number ``row`` of all files together."""
    ends = list(accumulate(counts))
    file = next(number for number, end in enumerate(ends) if row < end)
    return InputPosition(file, row - (ends[file] - counts[file]))


def _run_tasks(
    batches: Iterator[pa.RecordBatch], run_task: Callable[[int], Iterator[pa.RecordBatch]]
) -> Iterator[pa.RecordBatch]:
    """Run a task for each number; an error of Slipway becomes a result."""
    # If it were raised, Spark would run the task four times and bury the message in a Java stack trace.
    for number in chain.from_iterable(batch.column(0).to_pylist() for batch in batches):
        try:
            yield from run_task(number)
        except SlipwayError as error:
            yield _result_batch(number=number, error=json.dumps({"exit_code": error.exit_code, "message": str(error)}))


def _count_file(job: Shipment, number: int) -> Iterator[pa.RecordBatch]:
    file = job.plan.inputs[number]
    _check_same_file(file)
    rows = sum(chunk.count for chunk in chunks_of(file, number, 0, job.plan.input_schemas[number]))
    yield _result_batch(number=number, report=json.dumps({"rows": rows}))


def _make_part(job: Shipment, counts: Sequence[int], number: int) -> Iterator[pa.RecordBatch]:
    before = _load_bundle.cache_info().misses
    scorer = _scorer(job)
    with tempfile.TemporaryDirectory(prefix="slipway-part-") as folder:
        work = Checkpoint(Path(folder) / "part")
        work.begin(job.plan.job, job.plan.identity)
        record = _score_part(job.plan, scorer, work, number, counts)
        for name in (record.name, *record.quarantine):
            yield from _slices(number, name, work.dataset / name)
    worker = {"worker": f"{socket.gethostname()}:{os.getpid()}", "loads": _load_bundle.cache_info().misses - before}
    yield _result_batch(number=number, report=json.dumps({"record": msgspec.structs.asdict(record), **worker}))


def _score_part(plan: Plan, scorer: Scorer, checkpoint: Checkpoint, number: int, counts: Sequence[int]) -> PartRecord:
    position = find_position(number * plan.options.rows_of_full_part, counts)
    _check_same_file(plan.inputs[position.file])
    score = ChunkScorer(plan, scorer)
    with closing(chunks_from(plan, position)) as chunks:
        scored = ((unit, score(unit)) for unit in units(chunks, plan.options.unit))
        return write_part(checkpoint, plan, number, next(group_units(scored, plan.options.rows_per_part)))


def _scorer(job: Shipment) -> Scorer:
    from pyspark import SparkFiles

    _check_libraries(job.plan.identity["libraries"])
    return _load_bundle(SparkFiles.get(job.archive), job.plan.identity["bundle_digest"])


@lru_cache(maxsize=1)
def _load_bundle(folder: str, digest: str) -> Scorer:
    """Verify and load the bundle, once for all tasks of this process."""
    scorer = load(Path(folder), threads=1, expected_digest=digest)
    scorer.check_golden()
    return scorer


def _check_libraries(expected: dict[str, str]) -> None:
    for name, driver_version in expected.items():
        try:
            own_version = version(name)
        except PackageNotFoundError:
            own_version = "none"
        if own_version != driver_version:
            raise SparkError(
                f"the executor on {socket.gethostname()} has {name} {own_version} but the driver has {driver_version}, "
                "which could produce other bytes; install requirements-spark.lock on both; no dataset was published"
            )


def _check_same_file(file: InputFile) -> None:
    """Check that a path leads to the same file on this machine as on the driver."""
    try:
        size = file.filesystem.info(file.path)["size"]
    except OSError:
        size = None
    if size != file.bytes:
        difference = "cannot read" if size is None else f"sees {size} bytes in"
        raise DataError(
            f"the executor on {socket.gethostname()} {difference} {file.path}, and the driver sees {file.bytes} bytes; "
            "all machines must share IN; no dataset was published"
        )


def _slices(number: int, name: str, path: Path) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        while content := file.read(_SLICE):
            yield _result_batch(number=number, file=name, content=content)


def _result_batch(**values: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([values], RESULT_SCHEMA)
