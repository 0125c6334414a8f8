"""The reference: how the holdout and the answers to it are distributed, with what training has seen beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from components.package.answers import Answers, Array
from pipeline.component import DataError
from pipeline.component.blocks import calendar_of
from pipeline.component.contract import Contract
from pipeline.component.describe import reference_of
from pipeline.component.frame import inputs_of
from pipeline.component.reference import Reference, answered


def reference(
    holdout: pd.DataFrame, train: pd.DataFrame, contract: Contract, answers: Answers, *, time: str, block: str
) -> Reference:
    """Of the holdout, since its rows are the newest, and the answers to what trained the model flatter it.

    Raises:
        DataError: rows are told apart by time, and the holdout has no such column.
    """
    if block != "row" and time not in holdout:
        raise DataError(f"the holdout has no column '{time}', by which its rows are in blocks of a {block}")
    predictions = answered(contract, answers.numbers, answers.labels)
    return reference_of(
        {**_columns(holdout, contract), **predictions},
        np.zeros(len(holdout), np.int64) if block == "row" else calendar_of(holdout[time], block),
        time=time,
        block=block,
        predictions=predictions,
        training=_columns(train, contract),
    )


def _columns(frame: pd.DataFrame, contract: Contract) -> dict[str, Array]:
    inputs = inputs_of(frame, contract)
    return {str(name): inputs[name].to_numpy() for name in inputs}
