"""Requests made from our own OpenAPI document, right and wrong ones: no 5xx, no hang, nothing that it does not document.

``SLIPWAY_FUZZ_EXAMPLES`` is how many are made for each operation at most.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.bundles import make_bundle
from tests.support.running_server import running

EXAMPLES = os.environ.get("SLIPWAY_FUZZ_EXAMPLES", "20")
CHECKS = ",".join((
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
))  # fmt: skip
TOKEN = "token-of-the-fuzzer!"


def test_requests_made_from_the_document_break_nothing(tmp_path: Path) -> None:
    with running(bundle=make_bundle(tmp_path), variables={"SLIPWAY_TOKENS": TOKEN}) as server:
        options = [
            "--checks",
            CHECKS,
            "--max-examples",
            EXAMPLES,
            "--request-timeout",
            "5",
            "--suppress-health-check",
            "all",
        ]
        header = ["-H", f"Authorization: Bearer {TOKEN}", "--seed", "1"]
        command = ["run", f"http://127.0.0.1:{server.port}/openapi.json", *options, *header, "--no-color"]
        program = [sys.executable, "-m", "schemathesis.cli", *command]
        done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=500)
        log = server.log.read_text()
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    made = re.search(r"(\d+) generated", done.stdout)
    assert made and int(made[1]) > 100, done.stdout[-2000:]
    print(f"{made[1]} requests")
    assert "Traceback" not in log
