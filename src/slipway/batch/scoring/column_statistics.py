"""Summarize the distribution of each column in a few numbers that do not depend on interruptions of the job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SAMPLE_STEP = 16
"""Quantiles and frequent texts use one row in 16; counts, nulls, sums and extremes use all rows."""
_QUANTILE_POINTS = np.linspace(0, 1, 101)
_SUMMARY_QUANTILES = {"0.05": 5, "0.25": 25, "0.5": 50, "0.75": 75, "0.95": 95}
_MAX_SUMMARY_VALUES = 20
_MAX_RECORDED_VALUES = 1000


def measure(columns: Mapping[str, Array], sampled: Array) -> dict[str, dict[str, Any]]:
    """Measure the columns of one unit; ``sampled`` marks the rows to use for quantiles and frequent texts."""
    return {
        name: _measure_texts(values, sampled) if values.dtype == object else _measure_numbers(values, sampled)
        for name, values in columns.items()
    }


def merge(units: Sequence[Mapping[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Combine the measures of a part's units into one that is small enough for its record."""
    return {name: _merge_column([unit[name] for unit in units]) for name in (units[0] if units else {})}


def summarize(parts: Sequence[Mapping[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Combine the measures of all parts for the manifest and the checks."""
    return {
        name: _summarize_column([part[name] for part in parts if name in part]) for name in (parts[0] if parts else {})
    }


def _measure_numbers(values: Array, sampled: Array) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    chosen = values[sampled]
    return {
        "rows": len(values),
        "nulls": len(values) - len(known),
        "min": float(known.min()) if len(known) else None,
        "max": float(known.max()) if len(known) else None,
        "sum": float(known.sum()),
        "sample": chosen[~np.isnan(chosen)],
    }


def _measure_texts(values: Array, sampled: Array) -> dict[str, Any]:
    nulls = int(np.count_nonzero(np.equal(values, None)))  # type: ignore[call-overload]
    return {"rows": len(values), "nulls": nulls, "values": Counter(values[sampled].tolist())}


def _merge_column(units: Sequence[dict[str, Any]]) -> dict[str, Any]:
    counts: dict[str, Any] = {key: sum(unit[key] for unit in units) for key in ("rows", "nulls")}
    if "values" in units[0]:
        return counts | {"values": _top_values((unit["values"] for unit in units), _MAX_RECORDED_VALUES)}
    sample = np.concatenate([unit["sample"] for unit in units])
    points = np.quantile(sample, _QUANTILE_POINTS).tolist() if len(sample) else []
    return counts | _extremes(units) | {"quantiles": points, "sampled": len(sample)}


def _summarize_column(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    counts: dict[str, Any] = {key: sum(part[key] for part in parts) for key in ("rows", "nulls")}
    if "values" in parts[0]:
        return counts | {"values": _top_values((part["values"] for part in parts), _MAX_SUMMARY_VALUES)}
    summary = counts | _extremes(parts)
    known = summary["rows"] - summary["nulls"]
    total = summary.pop("sum")
    return summary | {"mean": total / known if known else None, "quantiles": _quantiles(parts)}


def _extremes(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    low, high = ([part[key] for part in parts if part[key] is not None] for key in ("min", "max"))
    return {
        "min": min(low, default=None),
        "max": max(high, default=None),
        "sum": float(sum(part["sum"] for part in parts)),
    }


def _quantiles(parts: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Estimate the quantiles of all rows, with each part's points weighted by its sampled rows."""
    with_points = [part for part in parts if part["quantiles"]]
    if not with_points:
        return {}
    points = np.concatenate([part["quantiles"] for part in with_points])
    weights = np.repeat([part["sampled"] for part in with_points], len(_QUANTILE_POINTS)).astype(np.float64)
    order = np.argsort(points, kind="stable")
    reached = np.cumsum(weights[order])
    indices = {
        name: np.searchsorted(reached, reached[-1] * percent / 100) for name, percent in _SUMMARY_QUANTILES.items()
    }
    return {name: float(points[order][index]) for name, index in indices.items()}


def _top_values(counts: Iterable[Mapping[str, int]], most: int) -> dict[str, int]:
    total: Counter[str] = Counter()
    for some in counts:
        total.update({text: count for text, count in some.items() if text is not None})
    # Equal counts are ordered by text, so every run makes the same choice.
    chosen = sorted(total.items(), key=lambda item: (-item[1], item[0]))[:most]
    return dict(chosen)
