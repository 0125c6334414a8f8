"""The file of a fitted model depends on the model alone, not on the process or the machine that wrote it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import BaggingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from slipway.inference.skops_file import load_model, save_model


def test_the_number_of_threads_is_not_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows, numbers = rng.normal(size=(300, 2)), rng.normal(size=300)
    model = BaggingRegressor(HistGradientBoostingRegressor(max_iter=3), n_estimators=2, random_state=0)
    for threads in (1, 3):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))  # scikit-learn then uses as many, whatever the cores
        with threadpool_limits(threads, "openmp"):
            assert model.fit(rows, numbers).estimators_[0]._bin_mapper.n_threads == threads
            save_model(model, tmp_path / f"{threads}.skops")
    assert (tmp_path / "1.skops").read_bytes() == (tmp_path / "3.skops").read_bytes()
    read = load_model(tmp_path / "3.skops")
    assert read.estimators_[0]._bin_mapper.n_threads == 1
    assert np.array_equal(read.predict(rows), model.predict(rows))


def test_a_forest_that_was_fitted_with_threads_predicts_the_same_each_time(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows, numbers = rng.normal(size=(3_000, 2)), rng.normal(size=3_000)
    forest = RandomForestRegressor(n_estimators=40, n_jobs=4, random_state=0)
    save_model(make_pipeline(StandardScaler(), forest).fit(rows, numbers), tmp_path / "model.skops")
    read = load_model(tmp_path / "model.skops")
    assert read[-1].n_jobs is None
    assert len({read.predict(rows).tobytes() for _ in range(5)}) == 1
