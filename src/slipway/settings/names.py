"""Check the settings against each other and the data: names of metrics, classes and columns, and thresholds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from slipway.contract.metrics import metrics_for, range_of
from slipway.contract.schema import Contract
from slipway.reporting.suggestions import did_you_mean
from slipway.settings.diagnostics import KeyPath, quote_part
from slipway.settings.sections import Drift, Evaluate, Gate, Split, Validate

Problem = tuple[KeyPath, str]
"""The path of a setting, and a sentence about what is wrong with it."""
SliceThresholds = Mapping[str, Mapping[str, float]]
"""By slice column, then by metric."""


class Thresholds(Protocol):
    """The thresholds of the gate: its settings, or the policy that follows from them."""

    @property
    def minimum(self) -> Mapping[str, float]:
        """The least value of each metric."""

    @property
    def maximum(self) -> Mapping[str, float]:
        """The largest value of each metric."""

    @property
    def slice_minimum(self) -> SliceThresholds:
        """The least values in each slice of a column."""

    @property
    def slice_maximum(self) -> SliceThresholds:
        """The largest values in each slice of a column."""


class CheckedSettings(Protocol):
    """The parts of the settings that name something; the settings import this module, so it cannot import them."""

    @property
    def contract(self) -> Contract:
        """The contract that follows from the settings."""

    @property
    def validation(self) -> Validate:
        """The section `[validate]`."""

    @property
    def split(self) -> Split:
        """The section `[split]`."""

    @property
    def evaluate(self) -> Evaluate:
        """The section `[evaluate]`."""

    @property
    def gate(self) -> Gate:
        """The section `[gate]`."""

    @property
    def drift(self) -> Drift:
        """The section `[drift]`."""


def find_unknown_names(settings: CheckedSettings) -> Iterator[Problem]:
    """Yield what is wrong before any data is read: unknown metrics, classes and inputs, and limits that mean nothing."""
    contract = settings.contract
    yield from find_threshold_errors(settings.gate, contract)
    yield from _find_range_errors(settings.validation)
    for label in settings.validation.class_share:
        if label not in contract.classes:
            hint = did_you_mean(label, contract.classes, f"known: {', '.join(contract.classes) or 'none'}")
            yield ("validate", "class_share", label), f"validate.class_share: unknown class '{label}'{hint}"
    compared = [column.name for column in (*contract.inputs, *contract.outputs)]
    for name in settings.drift.ignore:
        if name not in compared:
            hint = did_you_mean(name, compared, f"known: {', '.join(compared)}")
            yield ("drift", "ignore"), f"drift.ignore: the model has no column '{name}'{hint}"


def find_threshold_errors(gate: Thresholds, contract: Contract) -> Iterator[Problem]:
    """Yield each threshold of the gate for an unknown metric, or that every model or no model can meet."""
    for path, thresholds in _threshold_tables(gate):
        is_minimum = path[1].endswith("minimum")
        for metric, threshold in thresholds.items():
            if sentence := _describe_threshold(path, metric, threshold, contract, is_minimum=is_minimum):
                yield (*path, metric), sentence


def find_missing_columns(settings: CheckedSettings, columns: Collection[str]) -> Iterator[Problem]:
    """Yield each setting that names a column which the data does not have; ``columns`` are those of the data."""
    for path, name in _column_names(settings):
        if name not in columns:
            hint = did_you_mean(name, columns, f"it has {', '.join(columns)}")
            setting = ".".join(path[:2])
            yield path, f"{setting}: the data has no column '{name}'{hint}"


def _find_range_errors(validation: Validate) -> Iterator[Problem]:
    for name, ranges in (("ranges", validation.ranges), ("class_share", validation.class_share)):
        for key, bounds in ranges.items():
            setting = f"validate.{name}.{quote_part(key)}"
            if len(bounds) != 2:
                found = ", ".join(f"{bound:g}" for bound in bounds)
                yield ("validate", name, key), f"{setting} is [{found}], but must be [low, high]"
            elif not bounds[0] <= bounds[1]:
                sentence = f"{setting} is from {bounds[0]:g} to {bounds[1]:g}, which no data can meet"
                yield ("validate", name, key), sentence


def _threshold_tables(gate: Thresholds) -> Iterator[tuple[KeyPath, Mapping[str, float]]]:
    yield ("gate", "minimum"), gate.minimum
    yield ("gate", "maximum"), gate.maximum
    for setting, columns in (("slice_minimum", gate.slice_minimum), ("slice_maximum", gate.slice_maximum)):
        for column, thresholds in columns.items():
            yield ("gate", setting, column), thresholds


def _describe_threshold(
    path: KeyPath, metric: str, threshold: float, contract: Contract, *, is_minimum: bool
) -> str | None:
    """Describe what is wrong with a threshold, or return None.

    A threshold that every model meets looks like protection but refuses nothing.
    """
    table, metrics = ".".join(map(quote_part, path)), metrics_for(contract)
    if metric not in metrics:
        hint = did_you_mean(metric, metrics, f"choose one of {', '.join(metrics)}")
        return f"{table}: unknown metric '{metric}'{hint}"
    lowest, highest = range_of(metric)
    if not lowest <= threshold <= highest:
        return f"{table}.{metric} is {threshold:g}, but {metric} is always between {lowest:g} and {highest:g}"
    if threshold == (lowest if is_minimum else highest):
        never = "below" if is_minimum else "above"
        return f"{table}.{metric} is {threshold:g} and refuses nothing, because {metric} is never {never} it; remove it"
    return None


def _column_names(settings: CheckedSettings) -> Iterator[tuple[KeyPath, str]]:
    """Yield each column that a setting names, with the path of its place in the settings."""
    for path, names in (
        (("validate", "unique"), settings.validation.unique),
        (("split", "key"), settings.split.key),
        (("evaluate", "slices"), settings.evaluate.slices),
        (("gate", "slices"), settings.gate.slices),
    ):
        yield from ((path, name) for name in names)
    for path, tables in (
        (("validate", "maximum_null_share"), settings.validation.maximum_null_share),
        (("validate", "ranges"), settings.validation.ranges),
        (("gate", "slice_minimum"), settings.gate.slice_minimum),
        (("gate", "slice_maximum"), settings.gate.slice_maximum),
    ):
        yield from (((*path, name), name) for name in tables)
