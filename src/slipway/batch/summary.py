"""What a job came to, as Markdown for the page of the workflow that ran it; no text of the data passes for markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slipway.reporting.markdown import table

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
_QUANTILES = {"5 %": "0.05", "median": "0.5", "95 %": "0.95"}


def summary(manifest: Mapping[str, Any]) -> str:
    """A published dataset: release, rows, how its predictions are distributed, and what was odd."""
    odd = [f"- {_inline_code(sentence)}" for sentence in manifest["odd"]]
    predictions = manifest["predictions_distribution"]
    return "\n\n".join(
        [
            f"## {manifest['rows']['scored']:,} rows scored by {manifest['release']}",
            table(*_rows(manifest)),
            "### Predictions",
            *(table(*_value_table(name, told)) for name, told in predictions.items() if "values" in told),
            *([table(*_number_table(predictions))] if any("min" in told for told in predictions.values()) else []),
            "### Odd" if odd else "Nothing is odd about them.",
            *(["\n".join(odd)] if odd else []),
        ]
    )


def failure(error: Exception) -> str:
    """Why no dataset was published; lines that are indented by four are never markup."""
    return "## No dataset was published\n\n" + "\n".join(f"    {line}" for line in str(error).splitlines())


def _rows(manifest: Mapping[str, Any]) -> Table:
    rows, timings = manifest["rows"], manifest["timings"]
    counts = (f"{number:,}" for number in (rows["in"], rows["scored"], rows["quarantined"], timings["rows_per_second"]))
    head = ["rows in", "scored", "set aside", "rows/s", "seconds", "digest of the dataset"]
    return head, [[*counts, f"{timings['seconds']:.1f}", f"`{manifest['digest'][:12]}`"]]


def _value_table(name: str, statistics: Mapping[str, Any]) -> Table:
    head = [_inline_code(name), "rows", "share"]
    return head, [[_inline_code(v), f"{n:,}", f"{n / statistics['rows']:.1%}"] for v, n in statistics["values"].items()]


def _number_table(predictions: Mapping[str, Mapping[str, Any]]) -> Table:
    head = ["output", "least", *_QUANTILES, "most", "mean", "nulls"]
    told = [(name, one) for name, one in predictions.items() if "min" in one]
    return head, [
        [_inline_code(name), *map(_format_number, _distribution_points(one)), f"{one['nulls']:,}"] for name, one in told
    ]


def _distribution_points(statistics: Mapping[str, Any]) -> list[float | None]:
    return [
        statistics["min"],
        *(statistics["quantiles"].get(key) for key in _QUANTILES.values()),
        statistics["max"],
        statistics["mean"],
    ]


def _format_number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _inline_code(text: str) -> str:
    """A text within a line of Markdown: as code, without what would end code or line."""
    return f"`{' '.join(text.split()).replace('`', chr(39))}`"
