"""The reference: how the holdout and the answers to it are distributed, with what training has seen beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from slipway.contract.schema import Contract
from slipway.errors import DataError
from slipway.statistics.build_reference import reference_of
from slipway.statistics.reference import Reference, answered
from slipway.statistics.time_blocks import calendar_of
from slipway.steps.package.parity.predictions import Answers, Array
from slipway.tables.data_frame import inputs_of


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
