"""Verify a rollout: batch and every running server must serve the new release and reproduce its golden predictions.

As a program, ``python -m slipway.rollout.verification <current>``, it is the fresh process of this check, and prints its
result as JSON.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import json

from slipway.batch.one_file import score_file
from slipway.bundle.golden import golden_difference
from slipway.bundle.release_file import Bundle, decode_golden, verify_and_read
from slipway.errors import BundleError, RolloutError, SlipwayError
from slipway.inference.scorer import Scorer, load
from slipway.tables.arrow_columns import TEXT_TYPES
from slipway.target.readiness import check_golden_response, live_servers, remove_dead_servers, wait_for_workers
from slipway.target.target import Target


class VerificationResult(msgspec.Struct, frozen=True):
    """Result of the fresh process: the release at ``current``, and the problems with its predictions."""

    digest: str | None
    release: str | None
    problems: list[str]


def verify_rollout(target: Target, bundle: Bundle, *, timeout: float = 60.0) -> None:
    """Verify that the target serves this bundle.

    Args:
        timeout: limit in seconds for the fresh process, and again for the servers' workers.

    Raises:
        RolloutError: it does not; the message lists every problem.
    """
    problems = [*_process_problems(target, bundle, timeout), *_server_problems(target, bundle, timeout)]
    if problems:
        raise RolloutError(f"verification of {bundle.release.version} failed at {target}: {'; '.join(problems)}")


def verify_predictions(current: Path) -> VerificationResult:
    """Score the golden rows of the bundle that ``current`` links to, with the scorer and with batch."""
    try:
        scorer = load(current.resolve())
        scorer.check_golden()
        problems = list(_batch_problems(scorer))
    except SlipwayError as error:
        return VerificationResult(None, None, [str(error)])
    return VerificationResult(scorer.bundle.digest, scorer.bundle.release.version, problems)


def _process_problems(target: Target, bundle: Bundle, timeout: float) -> list[str]:
    # A fresh process loads exactly what the next `slipway batch` will load; nothing is cached from this process.
    command = [sys.executable, "-P", "-m", "slipway.rollout.verification", str(target.current)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        found = msgspec.json.decode(done.stdout, type=VerificationResult)
    except subprocess.TimeoutExpired:
        return [f"a fresh process took longer than {timeout:g} seconds to score the golden rows"]
    except msgspec.DecodeError:
        return [f"a fresh process ended with exit code {done.returncode}: {done.stderr[-2000:].strip()}"]
    if not found.problems and found.digest != bundle.digest:
        return [f"a fresh process loaded {found.release}: expected the digest {bundle.digest}, got {found.digest}"]
    return found.problems


def _server_problems(target: Target, bundle: Bundle, timeout: float) -> list[str]:
    remove_dead_servers(target.path)
    if not live_servers(target.path):
        return []
    if lagging := wait_for_workers(target.path, bundle.digest, timeout):
        return lagging
    try:
        _, files = verify_and_read(bundle.path, ["golden.json"], expected_digest=bundle.digest)
    except BundleError as error:
        return [str(error)]
    golden, version = decode_golden(files["golden.json"], "golden.json"), bundle.release.version
    return [
        problem
        for server in live_servers(target.path)
        for problem in check_golden_response(target.path, server, golden, version)
    ]


def _batch_problems(scorer: Scorer) -> Iterator[str]:
    version = scorer.bundle.release.version
    with tempfile.TemporaryDirectory(prefix="slipway-proof-") as folder:
        source, out = Path(folder) / "golden.parquet", Path(folder) / "scored.parquet"
        pq.write_table(_golden_table(scorer, Path(folder) / "golden.json"), source)
        score_file(str(source), out, scorer, keep=["golden_row"])
        # Not `read_table`, which imports pandas if it is installed.
        with pq.ParquetFile(out) as file:
            table = file.read()
    outputs = scorer.contract.outputs
    numbers = [table[c.name].to_pylist() for c in outputs if c.type == "double"]
    texts = [table[c.name].to_pylist() for c in outputs if c.type == "string"]
    predictions = list(zip(*numbers, strict=True)) if scorer.contract.classes else numbers[0]
    if difference := golden_difference(scorer.golden, predictions, texts[0] if texts else None):
        yield f"batch does not reproduce the golden predictions of {version}: {difference}"
    if (releases := set(table["release"].to_pylist())) != {version}:
        yield f"batch rows have the release {', '.join(map(str, releases))}, expected {version}"


def _golden_table(scorer: Scorer, lines: Path) -> pa.Table:
    # Arrow reads JSON Lines itself; `pa.array` would import pandas if it is installed.
    kinds = {c.name: c.type for c in scorer.contract.inputs if c.name in scorer.golden.inputs}
    columns = {name: _convert_booleans(scorer.golden.inputs[name], kind) for name, kind in kinds.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    lines.write_bytes(msgspec.json.Encoder().encode_lines([row | {"golden_row": n} for n, row in enumerate(rows)]))
    fields = [pa.field(name, TEXT_TYPES[kind]) for name, kind in kinds.items()]
    schema = pa.schema([*fields, pa.field("golden_row", pa.int64())])
    return json.read_json(lines, parse_options=json.ParseOptions(explicit_schema=schema))


def _convert_booleans(
    values: list[int | float | str | bool | None], kind: str
) -> list[int | float | str | bool | None]:
    return [v if v is None else bool(v) for v in values] if kind == "boolean" else values


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(verify_predictions(Path(sys.argv[1]))))
