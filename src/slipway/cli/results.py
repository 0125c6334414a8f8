"""Format the results of `slipway run` and `slipway ship`, for people and as JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from slipway.bundle.release_file import decode_golden, verify_and_read
from slipway.commands.ship import ShipResult
from slipway.pipeline.candidate import Candidate
from slipway.realtime.docs.example import curl_command
from slipway.settings.settings import SETTINGS_FILE
from slipway.target.target import Target

DEFAULT_URL = "http://127.0.0.1:8080"
"""The default address of `slipway serve`."""


def candidate_as_json(candidate: Candidate) -> dict[str, Any]:
    """Return the candidate as JSON."""
    return {
        "model_uri": candidate.model_uri,
        "run_id": candidate.run_id,
        "scores": candidate.scores,
        "steps": [vars(step) for step in candidate.steps],
        "report": str(candidate.report),
    }


def ship_as_json(result: ShipResult) -> dict[str, Any]:
    """Return the result of a ship as JSON."""
    verdict = result.verdict
    return {
        "release": result.release,
        "verdict": verdict.verdict if verdict else "publish",
        "rules": [msgspec.to_builtins(rule) for rule in verdict.rules] if verdict else [],
        "champion": result.champion,
        "digest": result.digest,
        **(candidate_as_json(result.candidate) if result.candidate else {}),
    }


def score_lines(candidate: Candidate) -> Iterator[str]:
    """Yield each holdout metric with its 95 % interval, and the path of the report."""
    results = json.loads(candidate.metrics.read_text())
    yield f"{results['rows']:,} holdout rows, 95 % intervals by {results['block']}"
    for name, value in candidate.scores.items():
        low, high = results["metrics"][name]["low"], results["metrics"][name]["high"]
        yield f"{name:<22}{value:10.3f}" + ("" if low is None or high is None else f"   {low:.3f} to {high:.3f}")
    yield ""
    yield f"report    {candidate.report}"


def champion_lines(result: ShipResult, target: Target) -> Iterator[str]:
    """Yield the gate's verdict and which release is live."""
    if result.verdict_text:
        yield result.verdict_text
    yield f"{result.release} is live for batch and real time at {target}; test predictions succeeded"


def usage_lines(target: Target, settings_file: Path) -> Iterator[str]:
    """Yield the commands to use the champion, with a golden row as the example."""
    option = "" if settings_file == Path(SETTINGS_FILE) else f" --settings {shlex.quote(str(settings_file))}"
    _, files = verify_and_read(target.current, ["golden.json"])
    golden = decode_golden(files["golden.json"], "golden.json")
    yield f"predict   slipway predict{option}"
    yield f"serve     slipway serve{option}"
    yield f"          {curl_command(DEFAULT_URL, golden)}"
    yield f"score     slipway batch IN OUT{option}"
    yield f'go back   slipway rollback --reason "..."{option}'
