"""A model file is the same bytes every time, and what it may hold is our decision."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.preprocessing import FunctionTransformer

from slipway.errors import BundleError
from slipway.inference.skops_file import TRUSTED_TYPES, load_model, save_model
from slipway.steps.package.mlflow_flavor import slipway_model_1
from tests.support.awkward_rows import fitted, rows

NUMBERS = ColumnTransformer([("numbers", "passthrough", ["distance", "hour", "delay"])])
SAVE = """
import sys
from pathlib import Path
from tests.support.awkward_rows import fitted
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from slipway.inference.skops_file import save_model
steps = ColumnTransformer([("numbers", "passthrough", ["distance", "hour"])])
save_model(fitted(steps, HistGradientBoostingClassifier(max_iter=5, random_state=0), 2), Path(sys.argv[1]))
"""


def shouted(x: object) -> None:
    """A function of ours, which a model file has no business to hold."""


@pytest.mark.parametrize("estimator", [HistGradientBoostingClassifier(max_iter=5), RandomForestClassifier(5)], ids=repr)
def test_a_model_comes_back_as_it_was(tmp_path: Path, estimator: object) -> None:
    model = fitted(NUMBERS, estimator, 2)
    save_model(model, tmp_path / "model.skops")
    inputs = rows(50, seed=2)
    again = load_model(tmp_path / "model.skops")
    assert np.array_equal(model.predict_proba(inputs), again.predict_proba(inputs))


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for name in ("first", "second"):
        subprocess.run([sys.executable, "-c", SAVE, str(tmp_path / name)], check=True, env=environment)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_type_outside_the_list_is_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(skops.io.dumps(FunctionTransformer(shouted)))
    with pytest.raises(BundleError, match=r"does not trust: .*shouted"):
        load_model(path)


def test_a_file_that_lies_about_its_types_is_refused(tmp_path: Path) -> None:
    """The type is renamed inside the file to one that would run a command when made."""
    path, content = tmp_path / "model.skops", io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(FunctionTransformer()))) as honest:
        schema = json.loads(honest.read("schema.json"))
    schema.update({"__module__": "subprocess", "__class__": "Popen"})
    with zipfile.ZipFile(content, "w") as hostile:
        hostile.writestr("schema.json", json.dumps(schema))
    path.write_bytes(content.getvalue())
    with pytest.raises(BundleError, match=r"subprocess\.Popen"):
        load_model(path)


def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="shouted"):
        save_model(FunctionTransformer(shouted), tmp_path / "model.skops")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"not a zip", None], ids=["empty", "garbage", "absent"])
def test_a_damaged_file_is_an_error_of_the_bundle(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.skops"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BundleError, match="cannot be read"):
        load_model(path)


def test_the_list_that_travels_in_the_bundle_is_ours() -> None:
    assert slipway_model_1.TRUSTED == TRUSTED_TYPES
