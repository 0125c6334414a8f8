"""`slipway batch` against what one would write oneself, file to file on the same rows, interleaved.

Run it with ``python -m tests.benchmarks.batch CHECKOUT``; CHECKOUT is one in which `slipway ship` ended well. The flights
are repeated to so many million rows. It prints medians, peak memory, ratios and the model's share.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.flights import BIN, ROOT, Flights

MEMORY = """
import sys, time, pandas
from slipway.inference.skops_file import load_model
from pathlib import Path
model, rows = load_model(Path(sys.argv[1])), pandas.read_parquet(sys.argv[2])
began = time.perf_counter()
model.predict_proba(rows)
print("took", time.perf_counter() - began)
"""
TO_CSV = "import pandas, sys; pandas.read_parquet(sys.argv[1]).to_csv(sys.argv[2], index=False)"
SCRIPT = """
import sys, pandas
from slipway.inference.skops_file import load_model
from pathlib import Path
model, rows = load_model(Path(sys.argv[1])), pandas.read_parquet(sys.argv[2])
rows[[f"probability_{name}" for name in model.classes_]] = model.predict_proba(rows)
rows.to_parquet(sys.argv[3])
"""
OURS = "slipway batch"
OTHERS = ("predict_proba in memory", "a pandas script", "mlflow models predict")
Taken = tuple[float, float]
"""Seconds and peak megabytes."""


def measured(command: list[str]) -> Taken:
    """A whole process; what says "took" has measured its seconds itself."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    seconds = float(said.split()[1]) if said.startswith("took ") else time.perf_counter() - began
    return seconds, usage.ru_maxrss / 1024


def repeated(flights: Flights, path: Path, rows: int) -> Path:
    """The model's inputs in the holdout, again and again, a group of rows at a time."""
    names = [column["name"] for column in json.loads((flights.root / "contract.json").read_bytes())["inputs"]]
    table = pq.read_table(flights.files_of("split") / "holdout.parquet", columns=names).replace_schema_metadata()
    with pq.ParquetWriter(path, table.schema) as writer:
        for first in range(0, rows, len(table)):
            writer.write_table(table.slice(0, min(len(table), rows - first)))
    return path


def commands(flights: Flights, source: Path, out: Path) -> dict[str, list[str]]:
    """What is compared; the first is ours."""
    model = str(flights.files_of("train") / "model.skops")
    mlflow = [
        str(BIN / "mlflow"),
        "models",
        "predict",
        "-m",
        str(flights.bundle),
        "-t",
        "csv",
        "--env-manager",
        "local",
    ]
    text = ["-i", str(source.with_suffix(".csv")), "-o", str(out / "mlflow.json")]
    return {
        OURS: [str(BIN / "slipway"), "batch", str(source), str(out / "dataset"), "--bundle", str(flights.bundle)],
        "predict_proba in memory": [sys.executable, "-c", MEMORY, model, str(source)],
        "a pandas script": [sys.executable, "-c", SCRIPT, model, str(source), str(out / "script.parquet")],
        "mlflow models predict": [*mlflow, *text],
    }  # fmt: skip


def main() -> None:
    asked = arguments()
    flights, rows = Flights(asked.checkout.absolute()), round(asked.millions * 1e6)
    if asked.scratch:
        asked.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.scratch) as folder:
        out = Path(folder)
        source = repeated(flights, out / "rows.parquet", rows)
        chosen = {name: line for name, line in commands(flights, source, out).items() if name in asked.only}
        if "mlflow models predict" in chosen:
            # Not here: the peak memory of a process that is started counts from that of the one that starts it.
            subprocess.run([sys.executable, "-c", TO_CSV, str(source), str(source.with_suffix(".csv"))], check=True)
        taken: dict[str, list[Taken]] = {name: [] for name in chosen}
        shares = []
        for _ in range(asked.rounds):
            for name, command in chosen.items():
                shutil.rmtree(out / "dataset", ignore_errors=True)
                taken[name].append(measured(command))
                if name == OURS:
                    timings = json.loads((out / "dataset/_slipway.json").read_bytes())["timings"]
                    shares.append(timings["model_share"])
    report(taken, rows, statistics.median(shares))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--millions", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", default=[OURS], choices=OTHERS, help="beside ours; by default all")
    parser.add_argument("--alone", action="store_true", help="ours alone")
    parser.add_argument("--scratch", type=Path, help="where files go meanwhile")
    asked = parser.parse_args()
    if asked.only == [OURS] and not asked.alone:
        asked.only = [OURS, *OTHERS]
    return asked


def report(taken: dict[str, list[Taken]], rows: int, share: float) -> None:
    """Medians as a table for people."""
    rates = {name: rows / statistics.median(seconds for seconds, _ in runs) for name, runs in taken.items()}
    for name, runs in taken.items():
        ratio = f"{rates[OURS] / rates[name]:6.2f} times as fast" if name != OURS else ""
        print(f"{name:<26}{rates[name]:>12,.0f} rows/s   peak {max(peak for _, peak in runs):6.0f} MB {ratio}")
    print(f"{rows:,} rows; the model's share of all cores' time {share:.0%}; pyarrow {pa.__version__}")


if __name__ == "__main__":
    main()
