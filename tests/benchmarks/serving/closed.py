"""A closed loop with wrk: each connection asks again as soon as it was answered."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from tests.load_generator.load import Load

_SCRIPT = Path(__file__).with_name("post.lua")
_LATENCIES = ("p50", "p99", "p99.9")


def closed_loop(load: Load) -> dict[str, float]:
    """Right answers a second, and percentiles of their delay in milliseconds.

    Raises:
        SystemExit: an answer was no 200, or none came.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, str(number)) for number in range(len(load.questions))]
        for file, request in zip(files, load.requests(), strict=True):
            file.write_bytes(request)
        options = ["-t1", f"-c{load.connections}", f"-d{load.seconds:.0f}s", "--timeout", "60s", "-s", str(_SCRIPT)]
        command = ["wrk", *options, f"http://127.0.0.1:{load.port}{load.path}", "--", *map(str, files)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout.strip().splitlines()[-1])
    if told["not_200"] or told["lost"] or not told["answers"]:
        raise SystemExit(f"{told['not_200']} answers were no 200 and {told['lost']} got lost: {done.stdout}")
    rate = told["answers"] / told["microseconds"] * 1e6
    return {"requests/s": rate, **{f"{name} ms": told[name] / 1e3 for name in _LATENCIES}}
