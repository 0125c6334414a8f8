"""Score the fitted model on rows it has never seen, and say how sure the numbers are."""

from __future__ import annotations

from pathlib import Path

import msgspec

from slipway.contract.schema import read_contract
from slipway.inference.skops_file import load_model
from slipway.steps.evaluate.permutation_importance import importance_of
from slipway.steps.evaluate.report import report
from slipway.steps.evaluate.results import Results, results_of
from slipway.steps.evaluate.scored_holdout import Scored, score_holdout
from slipway.steps.evaluate.summary import summary
from slipway.tables.data_frame import read_parquet, write_parquet


def evaluate(
    out: Path,
    *,
    model: Path,
    holdout: Path,
    contract: Path,
    target: str,
    time: str = "",
    block: str = "row",
    slices: list,  # type: ignore[type-arg]  # the harness looks a parameter's plain type up
    seed: int = 0,
) -> dict[str, float]:
    """Write ``metrics.json``, ``predictions.parquet``, ``summary.md`` and ``report.html``; score every metric.

    Raises:
        DataError: the holdout lacks a column or a class, or the model answers NaN.
        SettingsError: an unknown slice column or block.
        ContractError: the model does not give what the contract promises.
    """
    public, frame, fitted = read_contract(contract), read_parquet(holdout), load_model(model)
    scored = score_holdout(fitted, frame, public, target=target, time=time, block=block or "row", slices=slices)
    results = results_of(scored, importance_of(fitted, frame, scored, seed), seed)
    write_parquet(scored.table(), out / "predictions.parquet")
    _write_texts(out, scored, results)
    return {name: measured.value for name, measured in results.metrics.items()}


def _write_texts(out: Path, scored: Scored, results: Results) -> None:
    (out / "metrics.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    (out / "summary.md").write_text(summary(scored.contract, results), encoding="utf-8")
    (out / "report.html").write_text(report(scored, results), encoding="utf-8")
