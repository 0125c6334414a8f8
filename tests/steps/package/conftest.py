"""Run the component as a person would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from components.package.run import package
from slipway.contract.schema import encode_contract
from slipway.inference.skops_file import save_model
from slipway.tables.data_frame import write_parquet
from tests.support.awkward_rows import Packaged, contract_for, rows


@pytest.fixture
def packaged(tmp_path: Path) -> Packaged:
    """Run the component on a fitted model; returns the model directory."""

    def run(model: Any, classes: int = 2, name: str = "out", holdout: pd.DataFrame | None = None) -> Path:
        files = {key: tmp_path / name / key for key in ("model.skops", "holdout.parquet", "contract.json")}
        (tmp_path / name).mkdir()
        save_model(model, files["model.skops"])
        write_parquet(rows(120, seed=1) if holdout is None else holdout, files["holdout.parquet"])
        files["contract.json"].write_bytes(encode_contract(contract_for(classes)))
        data = files["holdout.parquet"]
        package(
            tmp_path / name,
            model=files["model.skops"],
            train=data,
            holdout=data,
            contract=files["contract.json"],
        )
        return tmp_path / name / "model"

    return run
