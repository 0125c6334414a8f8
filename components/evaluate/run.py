"""Evaluate: score the fitted model on rows that it has never seen, with a confidence interval for each metric."""

from __future__ import annotations

from pathlib import Path

from slipway.pipeline.component import main
from slipway.steps.evaluate import (
    importance_of,
    load_model,
    read_contract,
    read_parquet,
    results_of,
    score_holdout,
    write_evaluation,
)


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
    own_classes: str = "",
) -> dict[str, float]:
    """Write ``metrics.json``, ``predictions.parquet``, ``summary.md`` and ``report.html``; score every metric.

    Intervals come from resampling complete blocks of ``time``, because rows of the same day are not independent.

    Raises:
        DataError: the holdout lacks a column or a class, or the model predicts NaN.
        SettingsError: a slice column or the block is unknown.
        ContractError: the model's output does not match the contract.
    """
    fitted = load_model(model, own_classes.split(",") if own_classes else [])
    rows, public = read_parquet(holdout), read_contract(contract)
    scored = score_holdout(fitted, rows, public, target=target, time=time, block=block or "row", slices=slices)
    results = results_of(scored, importance_of(fitted, rows, scored, seed), seed)
    return write_evaluation(scored, results, out)


if __name__ == "__main__":
    main(evaluate)
