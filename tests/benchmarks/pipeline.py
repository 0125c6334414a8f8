"""`slipway run` against one bare script that does the same work, on the full year, interleaved.

Run it with ``python tests/benchmarks/pipeline.py [rounds]``; it prints medians, ratios and peak memory.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SLIPWAY = str(Path(sys.executable).with_name("slipway"))
YEAR_END = "2013-12-31"


def measured(command: list[str]) -> tuple[float, float]:
    """Wall seconds, and the largest resident megabytes of the command's own process or any one child of it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def project(folder: Path) -> Path:
    """The example with its pin moved to the end of the year, and a store of its own."""
    text = (ROOT / "slipway.toml").read_text().replace("through = 2013-09-30", f"through = {YEAR_END}")
    text = text.replace("components/ingest/", f"{ROOT}/components/ingest/")
    (folder / "slipway.toml").write_text(text)
    (folder / "contract.json").write_bytes((ROOT / "contract.json").read_bytes())
    return folder / "slipway.toml"


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = str(project(Path(folder)))
        commands = {
            "slipway run --no-cache": [SLIPWAY, "run", "--no-cache", "--settings", settings],
            "bare script": [sys.executable, "-m", "tests.benchmarks.bare", settings],
            "slipway run, nothing changed": [SLIPWAY, "run", "--settings", settings],
        }
        measured(commands["slipway run, nothing changed"])  # makes the store, and fills the cache
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                taken[name].append(measured(command))
    seconds = {name: statistics.median(wall for wall, _ in runs) for name, runs in taken.items()}
    for name, runs in taken.items():
        print(f"{name:<30}{seconds[name]:7.2f} s   peak of one process {max(peak for _, peak in runs):6.0f} MB")
    print(f"ratio to the bare script {seconds['slipway run --no-cache'] / seconds['bare script']:6.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
