"""Build the checks that follow from the contract, and those that every training needs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from pandas.api import types

from slipway.contract.schema import Column, Contract
from slipway.steps.validate.checks import Check, make_row_check

FIRST_INEXACT_INTEGER = 2.0**53
"""From this size on, float64 cannot represent every integer."""


def build_contract_checks(contract: Contract, target: str, time: str) -> Iterator[Check]:
    """Build the checks for every input, the target, and the time column if there is one."""
    for column in contract.inputs:
        yield from _input_checks(column, contract)
    yield _null_check(target, "Target")
    yield from _class_checks(contract, target) if contract.task == "classification" else [_finite_target_check(target)]
    if time:
        yield _time_type_check(time)
        yield _null_check(time, "Time column")


def _input_checks(column: Column, contract: Contract) -> Iterator[Check]:
    name, (reads, kind) = column.name, _TYPE_TESTS[column.type]
    yield Check(
        "type",
        name,
        lambda values: reads(values) | values.isna(),
        lambda values, failed: (
            f"Column '{name}' must contain {kind} (type {column.type} in the contract), "
            f"but {failed:,} of {len(values):,} values ({values.dtype}) are something else"
        ),
    )
    yield Check(
        "not_all_null",
        name,
        lambda values: bool(not len(values) or values.notna().any()),
        lambda values, _: f"Column '{name}' is null in all {len(values):,} rows, so no model can learn from it",
    )
    if not column.nullable:
        yield _null_check(name, "Column", ", which the contract does not allow")
    if column.values:
        yield _allowed_values_check(column)
    if column.type == "long":
        yield _exact_integer_check(name)
    if column.type == "string":
        yield _null_string_check(name, contract.null_string)


def _null_check(name: str, subject: str, why: str = "") -> Check:
    return make_row_check("not_null", name, lambda values: values.notna(), f"{subject} '{name}' is null", why)


def _allowed_values_check(column: Column) -> Check:
    return make_row_check(
        "values",
        column.name,
        lambda values: values.isin(column.values) | values.isna(),
        f"Column '{column.name}' has values that the contract does not allow (allowed: {', '.join(column.values)})",
    )


def _exact_integer_check(name: str) -> Check:
    return make_row_check(
        "exact",
        name,
        lambda values: ~(_to_numbers(values).abs() >= FIRST_INEXACT_INTEGER),
        f"Column '{name}' has integers of 2**53 or more",
        "; the model computes in float64, which cannot distinguish them from their neighbors: use a string or "
        "a smaller number",
    )


def _null_string_check(name: str, sentinel: str) -> Check:
    return Check(
        "not_the_null_string",
        name,
        lambda values: ~values.isin([sentinel]),
        lambda values, failed: (
            f"Column '{name}' contains {sentinel!r}, which represents null in the model, in {failed:,} rows; "
            "choose another null_string in the contract"
        ),
    )


def _class_checks(contract: Contract, target: str) -> Iterator[Check]:
    classes = ", ".join(contract.classes)
    yield make_row_check(
        "classes",
        target,
        lambda values: values.astype(str).isin(contract.classes) | values.isna(),
        f"Target '{target}' has labels other than the contract's classes {classes}",
    )
    yield Check(
        "two_classes",
        target,
        lambda values: bool(not len(values) or values.nunique() > 1),
        lambda values, _: (
            f"Target '{target}' has one class, '{next(iter(values.dropna()), None)}', in all {len(values):,} rows; "
            f"at least two of {classes} are needed"
        ),
    )


def _finite_target_check(target: str) -> Check:
    what = f"Target '{target}' is not a finite number"
    return make_row_check("type", target, lambda values: _is_double(values) | values.isna(), what)


def _time_type_check(name: str) -> Check:
    return Check(
        "type",
        name,
        lambda values: bool(types.is_datetime64_any_dtype(values.dtype)),
        lambda values, _: f"Time column '{name}' must have times, but has type {values.dtype}",
    )


def _to_numbers(values: pd.Series) -> pd.Series:
    """Convert the values to float64, with NaN for a value that is not a number; text never counts as a number."""
    if types.is_numeric_dtype(values.dtype):
        return values.astype(np.float64)
    if values.dtype != object:
        return pd.Series(np.nan, index=values.index)
    return pd.to_numeric(values.where(~values.map(lambda value: isinstance(value, str))), errors="coerce")


def _is_double(values: pd.Series) -> pd.Series:
    return pd.Series(np.isfinite(_to_numbers(values).to_numpy(np.float64)), index=values.index)


def _is_long(values: pd.Series) -> pd.Series:
    numbers = _to_numbers(values)
    return _is_double(values) & (numbers % 1 == 0)


def _is_boolean(values: pd.Series) -> pd.Series:
    return _to_numbers(values).isin([0, 1])


def _is_string(values: pd.Series) -> pd.Series:
    if types.infer_dtype(values, skipna=True) in ("string", "empty"):
        return pd.Series(True, index=values.index)
    return values.map(lambda value: isinstance(value, str)).astype(bool)


_TYPE_TESTS = {
    "double": (_is_double, "finite numbers"),
    "long": (_is_long, "integers"),
    "boolean": (_is_boolean, "true or false"),
    "string": (_is_string, "text"),
}
