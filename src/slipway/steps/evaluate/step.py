"""The files that an evaluation leaves: numbers, predictions, a summary and a page."""

from __future__ import annotations

from pathlib import Path

import msgspec

from slipway.steps.evaluate.report import report
from slipway.steps.evaluate.results import Results
from slipway.steps.evaluate.scored_holdout import Scored
from slipway.steps.evaluate.summary import summary
from slipway.tables.data_frame import write_parquet


def write_evaluation(scored: Scored, results: Results, out: Path) -> dict[str, float]:
    """Write ``metrics.json``, ``predictions.parquet``, ``summary.md`` and ``report.html``; the value of every metric."""
    write_parquet(scored.table(), out / "predictions.parquet")
    (out / "metrics.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    (out / "summary.md").write_text(summary(scored.contract, results), encoding="utf-8")
    (out / "report.html").write_text(report(scored, results), encoding="utf-8")
    return {name: measured.value for name, measured in results.metrics.items()}
