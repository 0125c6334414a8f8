"""Several jobs in one driver, which a test starts since Java takes its time: what became of each is printed as JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import fsspec
from pyspark.sql import SparkSession

from slipway.batch.job import BatchRequest, score_dataset
from slipway.batch.plan import Options
from slipway.batch.policy import Policy
from slipway.batch.spark.engine import SparkEngine
from slipway.bundle.release_file import verify
from slipway.errors import SlipwayError

WORLD, MASTER = Path(sys.argv[1]), sys.argv[2]


def job(source: str, out: str, engine: SparkEngine, part: int = 2000) -> dict[str, Any]:
    """What one job came to."""
    request = BatchRequest(source, WORLD / out, Options(("id",), "parquet", part), Policy("1%"), engine=engine)
    try:
        done = score_dataset(request, verify(WORLD / "bundle"))
    except SlipwayError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"state": done.state} | {name: done.manifest[name] for name in ("digest", "rows", "timings")}


def in_one_session(engine: SparkEngine) -> dict[str, Any]:
    """Jobs of one notebook."""
    fsspec.filesystem("memory").pipe("/elsewhere/in.csv", (WORLD / "csv/0.csv").read_bytes())
    sources = {name: str(WORLD / name) for name in ("csv", "parquet", "jsonl", "damaged")}
    sources["elsewhere"] = "memory://elsewhere"
    with SparkSession.builder.master(MASTER).getOrCreate():
        told = {name: job(source, f"spark-{name}", engine) for name, source in sources.items()}
        told["many"] = job(str(WORLD / "many.parquet"), "spark-many", engine, part=400)
    return told | {"again": job(sources["csv"], "spark-csv", engine)}


def with_python(path: str) -> dict[str, Any]:
    """A job whose executors have another Python."""
    os.environ["PYSPARK_PYTHON"] = path
    return job(str(WORLD / "csv"), "none", SparkEngine("local[1]"))


def without_executors() -> dict[str, Any]:
    """A job on a cluster that has no room for it."""
    with SparkSession.builder.master(MASTER).config("spark.executor.memory", "900g").getOrCreate():
        return job(str(WORLD / "csv"), "none", SparkEngine(patience=2))


told = in_one_session(SparkEngine()) | {"crowded": without_executors()}
told |= {name: with_python(path) for name, path in (("no python", "/nowhere/python"), ("bare", sys.argv[3]))}
print(json.dumps(told))
