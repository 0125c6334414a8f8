"""Compute permutation importance: how much worse the model gets when one input carries no information."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from slipway.contract.metrics import higher_is_better, metrics_for
from slipway.statistics.metrics import score_one
from slipway.steps.evaluate.holdout_predictions import ScoredHoldout, predict

REPEATS = 3
MAX_ROWS = 2_000
MAX_CELLS = 100_000
"""Upper limit for the number of predicted rows (approximately), so that a model with many inputs is not slower."""


def importance_of(model: Any, frame: pd.DataFrame, scored: ScoredHoldout, seed: int) -> dict[str, float]:
    """Return the loss in the main metric for each input when its values are shuffled, the largest first.

    Method: Breiman, Random Forests (2001), section 10, on a sample of the holdout. All shuffled copies are predicted in one
    call, which is faster than one call for each.
    """
    generator = np.random.default_rng(seed)
    names = [column.name for column in scored.contract.inputs]
    size = min(len(frame), MAX_ROWS, max(200, MAX_CELLS // max(1, REPEATS * len(names))))
    chosen = generator.choice(len(frame), size, replace=False)
    copies = _shuffle_each_input(frame.iloc[chosen][names], names, generator)
    predictions = predict(model, copies, scored.contract).reshape(len(names), REPEATS, size, -1)
    first = metrics_for(scored.contract)[0]
    base = score_one(scored.contract, scored.labels[chosen], scored.predictions[chosen], first)
    sign = 1 if higher_is_better(first) else -1
    losses = {
        name: sign * (base - _mean_score(scored, chosen, shuffled, first))
        for name, shuffled in zip(names, predictions, strict=True)
    }
    return dict(sorted(losses.items(), key=lambda item: -item[1] if np.isfinite(item[1]) else np.inf))


def _shuffle_each_input(sample: pd.DataFrame, names: list[str], generator: np.random.Generator) -> pd.DataFrame:
    """Return the sample once for each input and repeat, each copy with only that input shuffled."""
    size, copies = len(sample), REPEATS * len(names)
    columns = {}
    for position, name in enumerate(names):
        order = np.tile(np.arange(size), (copies, 1))
        own = slice(position * REPEATS, (position + 1) * REPEATS)
        order[own] = generator.permuted(order[own], axis=1)
        columns[name] = sample[name].take(order.ravel()).array
    return pd.DataFrame(columns)


def _mean_score(scored: ScoredHoldout, chosen: Any, shuffled: Any, metric: str) -> float:
    truth, shape = scored.labels[chosen], scored.predictions[chosen].shape
    return float(np.mean([score_one(scored.contract, truth, copy.reshape(shape), metric) for copy in shuffled]))
