"""What a Python worker of Spark does: it makes whole parts with the local engine's code, and sends their bytes back."""

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
    [("number", pa.int64()), ("file", pa.string()), ("content", pa.binary()), ("told", pa.string()),
     ("error", pa.string())]
)  # fmt: skip
"""The one output of a task: its answers and its quarantine as slices of files, then what is told of them, or an error."""
RESULT_DDL = "number long, file string, content binary, told string, error string"
"""The same for Spark."""
_SLICE = 1 << 23


@dataclass(frozen=True, slots=True)
class Shipment:
    """What every task of a job needs: the plan, and by which name Spark unpacked the bundle."""

    plan: Plan
    archive: str


def count_rows(job: Shipment, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """For each number of a file the rows that are in it."""
    return _run_tasks(batches, partial(_count_file, job))


def make_parts(job: Shipment, counts: Sequence[int], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """For each number of a part its files, in slices, and its record. ``counts`` are the rows of each file."""
    return _run_tasks(batches, partial(_make_part, job, counts))


def find_position(row: int, counts: Sequence[int]) -> InputPosition:
    """Where the row of that number among all the rows of all files is."""
    ends = list(accumulate(counts))
    file = next(number for number, end in enumerate(ends) if row < end)
    return InputPosition(file, row - (ends[file] - counts[file]))


def _run_tasks(
    batches: Iterator[pa.RecordBatch], run_task: Callable[[int], Iterator[pa.RecordBatch]]
) -> Iterator[pa.RecordBatch]:
    """An error of ours is an answer: raised, Spark would try it four times and bury it in a trace."""
    for number in chain.from_iterable(batch.column(0).to_pylist() for batch in batches):
        try:
            yield from run_task(number)
        except SlipwayError as error:
            yield _result_batch(number=number, error=json.dumps({"exit_code": error.exit_code, "message": str(error)}))


def _count_file(job: Shipment, number: int) -> Iterator[pa.RecordBatch]:
    file = job.plan.inputs[number]
    _check_same_file(file)
    rows = sum(chunk.count for chunk in chunks_of(file, number, 0, job.plan.input_schemas[number]))
    yield _result_batch(number=number, told=json.dumps({"rows": rows}))


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
    yield _result_batch(number=number, told=json.dumps({"record": msgspec.structs.asdict(record), **worker}))


def _score_part(plan: Plan, scorer: Scorer, checkpoint: Checkpoint, number: int, counts: Sequence[int]) -> PartRecord:
    place = find_position(number * plan.options.rows_of_full_part, counts)
    _check_same_file(plan.inputs[place.file])
    score = ChunkScorer(plan, scorer)
    with closing(chunks_from(plan, place)) as chunks:
        answered = ((unit, score(unit)) for unit in units(chunks, plan.options.unit))
        return write_part(checkpoint, plan, number, next(group_units(answered, plan.options.rows_per_part)))


def _scorer(job: Shipment) -> Scorer:
    from pyspark import SparkFiles

    _check_libraries(job.plan.identity["libraries"])
    return _load_bundle(SparkFiles.get(job.archive), job.plan.identity["bundle_digest"])


@lru_cache(maxsize=1)
def _load_bundle(folder: str, digest: str) -> Scorer:
    """The bundle, verified and loaded once for all tasks of this process."""
    scorer = load(Path(folder), threads=1, expected_digest=digest)
    scorer.check_golden()
    return scorer


def _check_libraries(expected: dict[str, str]) -> None:
    for name, there in expected.items():
        try:
            here = version(name)
        except PackageNotFoundError:
            here = "none"
        if here != there:
            raise SparkError(
                f"the executor on {socket.gethostname()} has {name} {here} but the driver has {there}, which could "
                "give other bytes; install requirements-spark.lock on both; no dataset was published"
            )


def _check_same_file(file: InputFile) -> None:
    """Refuse a path that leads elsewhere on this machine than on the driver's."""
    try:
        here = file.filesystem.info(file.path)["size"]
    except OSError:
        here = None
    if here != file.bytes:
        what = "does not see" if here is None else f"sees {here} bytes in"
        raise DataError(
            f"the executor on {socket.gethostname()} {what} {file.path}, of which the driver sees {file.bytes}; "
            "IN must be a place that all machines share; no dataset was published"
        )


def _slices(number: int, name: str, path: Path) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        while content := file.read(_SLICE):
            yield _result_batch(number=number, file=name, content=content)


def _result_batch(**values: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([values], RESULT_SCHEMA)
