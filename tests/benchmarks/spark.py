"""Every row of the example by both engines: one machine, and a Spark cluster that loses its driver and then a worker.

Run it with ``python -m tests.benchmarks.spark CHECKOUT [rows per part]``; CHECKOUT is one in which `slipway ship` ended
well. The cluster is a master and two workers on this machine, each a process of its own. It prints how long each took,
and ends with an error where one byte of the two datasets differs.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from components.ingest.flights import inputs
from slipway.settings.settings import load_settings
from slipway.steps.ingest.pinned_files import fetch
from tests.support.batch_jobs import content
from tests.support.eventually import eventually
from tests.support.flights import Flights
from tests.support.spark_cluster import PYTHON, Cluster, cluster, environment


def all_rows(flights: Flights, path: Path) -> Path:
    """What is known of every flight of the year before it leaves; one in 50,000 leaves an airport of another state."""
    settings = load_settings(flights.root / "slipway.toml")
    sources = {name: source.model_dump() for name, source in settings.data.sources.items()}
    names = [column["name"] for column in json.loads((flights.root / "contract.json").read_bytes())["inputs"]]
    with fetch(sources) as files:
        rows = inputs(files)[names]
    rows.loc[::50_000, "origin"] = "PHL"
    rows.to_parquet(path, row_group_size=50_000)
    return path


def job(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A job as a person gives it."""
    command = [str(PYTHON), "-m", "slipway.cli", "batch", str(folder / "rows.parquet"), *arguments, "--json"]
    return subprocess.Popen(command, env=environment(folder), stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The manifest of a job that went well."""
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the job ended with {process.returncode}")
    found: dict[str, Any] = json.loads(said)
    return found


def on_a_cluster(folder: Path, spark: Cluster, options: list[str]) -> dict[str, Any]:
    """The driver is killed after its first part and started again; then a worker is."""
    options = [str(folder / "spark"), *options, "--engine", "spark", "--master", spark.master]
    records = folder / "spark.slipway-work/records"
    for number, victim in enumerate(("driver", "worker"), 1):
        process = job(folder, *options)
        eventually(lambda: len(list(records.glob("*"))) > number or process.poll() is not None, 300)  # noqa: B023
        print(f"the {victim} is killed after {len(list(records.glob('*')))} parts")
        if victim == "worker":
            spark.kill_a_worker()
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
    return ended(process)


def main(checkout: Path, rows_per_part: str) -> None:
    flights = Flights(checkout)
    options = ["--rows-per-part", rows_per_part, "--max-invalid", "1%", "--bundle", str(flights.bundle)]
    with tempfile.TemporaryDirectory() as name, cluster(Path(name)) as spark:
        folder = Path(name)
        all_rows(flights, folder / "rows.parquet")
        told = {
            "local": ended(job(folder, str(folder / "local"), *options)),
            "spark": on_a_cluster(folder, spark, options),
        }
        for engine, manifest in told.items():
            print(f"{engine}: {manifest['rows']} in {len(manifest['parts'])} parts, {manifest['timings']}")
        if content(folder / "local") != content(folder / "spark") or told["local"]["digest"] != told["spark"]["digest"]:
            raise SystemExit("the datasets differ")
        print(f"both datasets have the digest {told['local']['digest']}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), [*sys.argv, "20000"][2])
