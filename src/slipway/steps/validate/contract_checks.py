"""What the contract promises of the training data, and what no training can do without."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from pandas.api import types

from slipway.contract.schema import Column, Contract
from slipway.steps.validate.checks import Rule, make_row_rule

INEXACT = 2.0**53
"""From here on float64 lacks whole numbers."""


def contract_rules(contract: Contract, target: str, time: str) -> Iterator[Rule]:
    """The rules for every input, the target, and the time column if there is one."""
    for column in contract.inputs:
        yield from _input_rules(column, contract)
    yield _no_nulls(target, "Target")
    yield from _class_rules(contract, target) if contract.task == "classification" else [_finite_target(target)]
    if time:
        yield _times(time)
        yield _no_nulls(time, "Time column")


def _input_rules(column: Column, contract: Contract) -> Iterator[Rule]:
    name, (reads, kind) = column.name, _READS[column.type]
    yield Rule(
        "type",
        name,
        lambda values: reads(values) | values.isna(),
        lambda values, failed: (
            f"Column '{name}' must hold {kind} (the contract says {column.type}) "
            f"but {failed:,} of {len(values):,} values ({values.dtype}) are something else"
        ),
    )
    yield Rule(
        "not_all_null",
        name,
        lambda values: bool(not len(values) or values.notna().any()),
        lambda values, _: f"Column '{name}' is null in all {len(values):,} rows, so no model can learn from it",
    )
    if not column.nullable:
        yield _no_nulls(name, "Column", ", which the contract does not allow")
    if column.values:
        yield _closed_values(column)
    if column.type == "long":
        yield _exact(name)
    if column.type == "string":
        yield _no_sentinel(name, contract.null_string)


def _no_nulls(name: str, subject: str, why: str = "") -> Rule:
    return make_row_rule("not_null", name, lambda values: values.notna(), f"{subject} '{name}' is null", why)


def _closed_values(column: Column) -> Rule:
    return make_row_rule(
        "values",
        column.name,
        lambda values: values.isin(column.values) | values.isna(),
        f"Column '{column.name}' holds values outside the contract's {', '.join(column.values)}",
    )


def _exact(name: str) -> Rule:
    return make_row_rule(
        "exact",
        name,
        lambda values: ~(_numbers(values).abs() >= INEXACT),
        f"Column '{name}' holds whole numbers of 2**53 or more",
        "; the model computes in float64, which cannot tell them from their neighbours: make it a string, or "
        "something smaller",
    )


def _no_sentinel(name: str, sentinel: str) -> Rule:
    return Rule(
        "not_the_null_string",
        name,
        lambda values: ~values.isin([sentinel]),
        lambda values, failed: (
            f"Column '{name}' holds {sentinel!r}, which stands for null in the model, in {failed:,} rows; "
            "choose another null_string in the contract"
        ),
    )


def _class_rules(contract: Contract, target: str) -> Iterator[Rule]:
    classes = ", ".join(contract.classes)
    yield make_row_rule(
        "classes",
        target,
        lambda values: values.astype(str).isin(contract.classes) | values.isna(),
        f"Target '{target}' holds labels outside the contract's classes {classes}",
    )
    yield Rule(
        "two_classes",
        target,
        lambda values: bool(not len(values) or values.nunique() > 1),
        lambda values, _: (
            f"Target '{target}' has one class, '{next(iter(values.dropna()), None)}', in all {len(values):,} rows; "
            f"at least two of {classes} are needed"
        ),
    )


def _finite_target(target: str) -> Rule:
    what = f"Target '{target}' is not a finite number"
    return make_row_rule("type", target, lambda values: _double(values) | values.isna(), what)


def _times(name: str) -> Rule:
    return Rule(
        "type",
        name,
        lambda values: bool(types.is_datetime64_any_dtype(values.dtype)),
        lambda values, _: f"Time column '{name}' must hold times but holds {values.dtype}",
    )


def _numbers(values: pd.Series) -> pd.Series:
    """The values as float64, NaN where a value is no number; text never counts as one."""
    if types.is_numeric_dtype(values.dtype):
        return values.astype(np.float64)
    if values.dtype != object:
        return pd.Series(np.nan, index=values.index)
    return pd.to_numeric(values.where(~values.map(lambda value: isinstance(value, str))), errors="coerce")


def _double(values: pd.Series) -> pd.Series:
    return pd.Series(np.isfinite(_numbers(values).to_numpy(np.float64)), index=values.index)


def _long(values: pd.Series) -> pd.Series:
    numbers = _numbers(values)
    return _double(values) & (numbers % 1 == 0)


def _boolean(values: pd.Series) -> pd.Series:
    return _numbers(values).isin([0, 1])


def _string(values: pd.Series) -> pd.Series:
    if types.infer_dtype(values, skipna=True) in ("string", "empty"):
        return pd.Series(True, index=values.index)
    return values.map(lambda value: isinstance(value, str)).astype(bool)


_READS = {
    "double": (_double, "finite numbers"),
    "long": (_long, "whole numbers"),
    "boolean": (_boolean, "true and false"),
    "string": (_string, "text"),
}
