"""A converter with a mistake that the holdout never shows is found out by the rows that the proof makes for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import spox.opset.ai.onnx.v21 as op
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from slipway.steps.package.compiler import encoders, linear, scalers
from slipway.steps.package.compiler import tree_estimators as trees
from slipway.steps.package.compiler.compile import compile_pipeline
from slipway.steps.package.compiler.matrix import constant
from slipway.steps.package.compiler.transformers import CONVERTERS
from slipway.steps.package.parity.parity import check_parity
from slipway.tables.data_frame import inputs_of
from tests.support.awkward_rows import contract_for, fitted, rows

Patch = Callable[[pytest.MonkeyPatch], None]
NUMBERS = ["distance", "hour", "delay"]
ORDINAL = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
TREES = ColumnTransformer([("s", ORDINAL, ["carrier"]), ("n", "passthrough", NUMBERS)])
SCALED = ColumnTransformer([("s", ORDINAL, ["carrier"]), ("n", StandardScaler(), NUMBERS)])
NO_ZERO = ColumnTransformer([("n", "passthrough", ["distance", "hour"])])
FILLED = make_pipeline(SimpleImputer(), StandardScaler())
LINEAR = ColumnTransformer([("s", OneHotEncoder(handle_unknown="ignore"), ["carrier"]), ("n", FILLED, NUMBERS)])
BOOSTING = HistGradientBoostingClassifier(max_iter=10, random_state=0)


def nulls_go_the_other_way(patch: pytest.MonkeyPatch) -> None:
    right = trees.hist_tree
    patch.setattr(trees, "hist_tree", lambda p, k: replace(t := right(p, k), missing_left=~t.missing_left))


def every_table(change: Callable[[Any, Any], Any]) -> Patch:
    """A look-up table that is wrong in one row."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        right = encoders._look_up
        patch.setattr(encoders, "_look_up", lambda block, keys, table: right(block, keys, change(keys, table.copy())))

    return apply


def wrong_for_the_unknown(keys: Any, table: Any) -> Any:
    table[-1, 0] += 3
    return table


def wrong_for_ua(keys: Any, table: Any) -> Any:
    table[list(keys).index("UA"), 0] += 3
    return table


def numbers_as(change: Callable[[Any], Any]) -> Patch:
    """Numbers that reach a linear model or the trees are first made something else."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        for module in (linear, trees):
            right = module.as_tensor
            patch.setattr(module, "as_tensor", lambda matrix, right=right: change(right(matrix)))

    return apply


def at_most_a_million(values: Any) -> Any:
    return op.clip(values, constant(-1e6), constant(1e6))


def subnormal_as_a_million(values: Any) -> Any:
    tiny = op.and_(op.less(op.abs(values), constant(1e-310)), op.not_(op.equal(values, constant(0.0))))
    return op.where(tiny, constant(1e6), values)


def minus_zero_as_a_million(values: Any) -> Any:
    """One over minus zero is minus infinity."""
    minus = op.equal(op.div(constant(1.0), values), constant(-np.inf))
    return op.where(minus, constant(1e6), values)


def rounded_to_float32(values: Any) -> Any:
    return op.cast(op.cast(values, to=np.float32), to=np.float64)


def not_rounded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(trees, "as_float32", trees.as_tensor)


def times_the_reciprocal(patch: pytest.MonkeyPatch) -> None:
    """The usual shortcut, which is wrong in the last bit."""

    def scaler(step: Any, matrix: Any) -> Any:
        shifted = op.sub(scalers.as_tensor(matrix), constant(step.mean_))
        return (scalers.Block(op.mul(shifted, constant(1 / step.scale_)), scalers.width(matrix)),)

    patch.setitem(CONVERTERS, StandardScaler, scaler)


def proof_of(steps: Any, estimator: Any) -> dict[str, Any]:
    """The proof on a holdout that has neither nulls nor the carrier UA, and no number out of the way."""
    classes = 2 if hasattr(estimator, "predict_proba") else 0
    model, contract = fitted(steps, estimator, classes), contract_for(classes)
    holdout = rows(300, seed=1).dropna()
    holdout = holdout[(holdout.carrier != "UA") & (holdout.distance < 1e5)]
    train = rows()
    assert not inputs_of(holdout, contract).isna().any().any()
    return check_parity(model, compile_pipeline(model, contract).SerializeToString(), contract, holdout, train)


@pytest.mark.parametrize(
    ("steps", "estimator", "mistake", "found"),
    [
        (TREES, BOOSTING, nulls_go_the_other_way, {"nulls", "thresholds"}),
        (TREES, BOOSTING, every_table(wrong_for_the_unknown), {"unseen", "matrix"}),
        (LINEAR, Ridge(), every_table(wrong_for_the_unknown), {"unseen"}),
        (TREES, BOOSTING, every_table(wrong_for_ua), {"matrix"}),
        (LINEAR, Ridge(), every_table(wrong_for_ua), {"categories"}),
        (LINEAR, Ridge(), numbers_as(at_most_a_million), {"extremes"}),
        (LINEAR, Ridge(), numbers_as(rounded_to_float32), {"holdout"}),
        (NO_ZERO, BOOSTING, numbers_as(minus_zero_as_a_million), {"extremes"}),
        (NO_ZERO, BOOSTING, numbers_as(subnormal_as_a_million), {"extremes"}),
        (TREES, BOOSTING, numbers_as(rounded_to_float32), {"thresholds"}),
        (TREES, RandomForestClassifier(10, random_state=0), not_rounded, {"holdout", "thresholds"}),
        (SCALED, BOOSTING, times_the_reciprocal, {"matrix"}),
    ],
)
def test_a_mistake_that_the_holdout_hides_fails_the_proof(
    monkeypatch: pytest.MonkeyPatch, steps: Any, estimator: Any, mistake: Patch, found: set[str]
) -> None:
    assert proof_of(steps, estimator)["ok"]
    mistake(monkeypatch)
    wrong = set(proof_of(steps, estimator)["wrong"])
    assert found <= wrong, wrong
    assert "holdout" not in wrong - found
