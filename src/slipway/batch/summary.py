"""Render the result of a job as Markdown for the workflow's summary page; text from the data is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slipway.reporting.markdown import table

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
_QUANTILES = {"5 %": "0.05", "median": "0.5", "95 %": "0.95"}


def summary(manifest: Mapping[str, Any]) -> str:
    """Summarize a published dataset: release, rows, distribution of predictions, and anomalies."""
    anomalies = [f"- {_inline_code(sentence)}" for sentence in manifest["odd"]]
    predictions = manifest["predictions_distribution"]
    return "\n\n".join(
        [
            f"## {manifest['rows']['scored']:,} rows scored by {manifest['release']}",
            table(*_rows(manifest)),
            "### Predictions",
            *(table(*_value_table(name, column)) for name, column in predictions.items() if "values" in column),
            *([table(*_number_table(predictions))] if any("min" in column for column in predictions.values()) else []),
            "### Anomalies" if anomalies else "No anomalies found.",
            *(["\n".join(anomalies)] if anomalies else []),
        ]
    )


def failure(error: Exception) -> str:
    """Explain why no dataset was published. Indented by four spaces, the text of an error is never markup."""
    return "## No dataset was published\n\n" + "\n".join(f"    {line}" for line in str(error).splitlines())


def _rows(manifest: Mapping[str, Any]) -> Table:
    rows, timings = manifest["rows"], manifest["timings"]
    counts = (f"{number:,}" for number in (rows["in"], rows["scored"], rows["quarantined"], timings["rows_per_second"]))
    head = ["rows in", "scored", "quarantined", "rows/s", "seconds", "digest of the dataset"]
    return head, [[*counts, f"{timings['seconds']:.1f}", f"`{manifest['digest'][:12]}`"]]


def _value_table(name: str, statistics: Mapping[str, Any]) -> Table:
    head = [_inline_code(name), "rows", "share"]
    return head, [[_inline_code(v), f"{n:,}", f"{n / statistics['rows']:.1%}"] for v, n in statistics["values"].items()]


def _number_table(predictions: Mapping[str, Mapping[str, Any]]) -> Table:
    head = ["output", "min", *_QUANTILES, "max", "mean", "nulls"]
    columns = [(name, column) for name, column in predictions.items() if "min" in column]
    return head, [
        [_inline_code(name), *map(_format_number, _distribution_points(column)), f"{column['nulls']:,}"]
        for name, column in columns
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
    """Format a text as code within one line of Markdown, without characters that would end the code or the line."""
    return f"`{' '.join(text.split()).replace('`', chr(39))}`"
