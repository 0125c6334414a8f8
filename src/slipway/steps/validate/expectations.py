"""Build the checks that a project sets for its data beyond the contract: the settings under ``[validate]``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pandas as pd
from pandas.api import types

from slipway.contract.schema import Contract
from slipway.errors import SettingsError
from slipway.reporting.suggestions import did_you_mean
from slipway.steps.validate.checks import WHOLE_DATA, Check, make_row_check

Bounds = tuple[float | None, float | None]


class Expectations(msgspec.Struct, frozen=True):
    """The settings under ``[validate]``. Each is optional, and a bound that is null is open."""

    minimum_rows: int = 1
    maximum_null_share: dict[str, float] = {}
    ranges: dict[str, Bounds] = {}
    class_share: dict[str, Bounds] = {}
    unique: tuple[str, ...] = ()


def build_expectation_checks(
    settings: Mapping[str, Any], rows: pd.DataFrame, contract: Contract, target: str
) -> Iterator[Check]:
    """Build a check for each expectation in ``[validate]``.

    Raises:
        SettingsError: an expectation has an unknown name, column or class, or bounds that no data can meet. The message
            names the setting and suggests the nearest known name.
    """
    wanted = _read_expectations(settings, [*rows.columns, *(column.name for column in contract.inputs)], contract)
    yield _row_count_check(max(1, wanted.minimum_rows))
    for column, share in wanted.maximum_null_share.items():
        yield _null_share_check(column, share)
    for column, bounds in wanted.ranges.items():
        yield _range_check(column, bounds)
    for label, bounds in wanted.class_share.items():
        yield _class_share_check(target, label, bounds)
    if wanted.unique:
        yield _uniqueness_check(wanted.unique)


def _read_expectations(settings: Mapping[str, Any], columns: Sequence[str], contract: Contract) -> Expectations:
    """Read the settings and check their names, types, columns, classes and bounds."""
    _check_known("expectation", settings, Expectations.__struct_fields__)
    try:
        wanted = msgspec.convert(dict(settings), Expectations)
    except msgspec.ValidationError as error:
        raise SettingsError(f"expectations: {error}") from None
    _check_known("column in maximum_null_share", wanted.maximum_null_share, columns)
    _check_known("column in ranges", wanted.ranges, columns)
    _check_known("column in unique", wanted.unique, columns)
    _check_known("class in class_share", wanted.class_share, contract.classes)
    _check_bounds(wanted)
    return wanted


def _check_known(what: str, names: Iterable[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known, f"known: {', '.join(known) or 'none'}")
            raise SettingsError(f"expectations: unknown {what} '{name}'{hint}")


def _check_bounds(expectations: Expectations) -> None:
    for name, bounds in [("ranges", expectations.ranges), ("class_share", expectations.class_share)]:
        for key, (low, high) in bounds.items():
            if low is not None and high is not None and low > high:
                raise SettingsError(f"expectations: {name} of '{key}' is from {low} to {high}, which no data can meet")
    for column, share in expectations.maximum_null_share.items():
        if not 0 <= share <= 1:
            raise SettingsError(f"expectations: maximum_null_share of '{column}' is {share}, not a share from 0 to 1")


def _row_count_check(minimum: int) -> Check:
    return Check(
        "minimum_rows",
        WHOLE_DATA,
        lambda data: len(data) >= minimum,
        lambda data, _: f"The data has {len(data):,} rows, but at least {minimum:,} are expected",
    )


def _null_share_check(column: str, share: float) -> Check:
    def test(values: pd.Series) -> pd.Series | bool:
        return bool(not len(values) or values.isna().mean() <= share) or values.notna()

    return Check(
        "maximum_null_share",
        column,
        test,
        lambda values, failed: (
            f"Column '{column}' is null in {failed:,} of {len(values):,} rows ({failed / len(values):.2%}), "
            f"but at most {share:.2%} are expected"
        ),
    )


def _range_check(column: str, bounds: Bounds) -> Check:
    def test(values: pd.Series) -> pd.Series:
        if not types.is_numeric_dtype(values.dtype):
            return values.isna()
        return _is_within(values.astype("float64"), bounds) | values.isna()

    return make_row_check("ranges", column, test, f"Column '{column}' must be {_format_bounds(bounds)}, but is not")


def _is_within(values: pd.Series, bounds: Bounds) -> pd.Series:
    low, high = bounds
    return values.between(float("-inf") if low is None else low, float("inf") if high is None else high)


def _class_share_check(target: str, label: str, bounds: Bounds) -> Check:
    def share(values: pd.Series) -> float:
        return float((values.astype(str) == label).mean()) if len(values) else 0.0

    return Check(
        f"class_share of {label}",
        target,
        lambda values: bool(_is_within(pd.Series([share(values)]), bounds).all()),
        lambda values, _: (
            f"Class '{label}' of target '{target}' is {share(values):.2%} of {len(values):,} rows, "
            f"but {_format_bounds(bounds, '.2%')} is expected"
        ),
    )


def _uniqueness_check(keys: tuple[str, ...]) -> Check:
    def test(data: pd.DataFrame) -> pd.Series | bool:
        return not set(keys) <= set(data.columns) or ~data.duplicated(list(keys))

    return Check(
        "unique",
        WHOLE_DATA,
        test,
        lambda data, failed: (
            f"{', '.join(map(repr, keys))} must be unique, but {failed:,} of {len(data):,} rows repeat an earlier row"
        ),
        example_columns=keys,
    )


def _format_bounds(bounds: Bounds, number_format: str = ",g") -> str:
    low, high = (None if bound is None else format(bound, number_format) for bound in bounds)
    if low is not None and high is not None:
        return f"from {low} to {high}"
    return f"at most {high}" if low is None else f"at least {low}"
