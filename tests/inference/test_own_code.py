"""A project's own classes: trusted by name only, carried by the bundle, and apart from modules of the same name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slipway.errors import BundleError, SettingsError
from slipway.inference.own_code import CLASSES_FILE, CODE_ARCHIVE, OwnCode, find_class, read_own_code, read_own_code_in
from slipway.inference.skops_file import decode_model, load_model, own_classes_in, save_model, zip_of
from slipway.steps.package.own_sources import own_sources, pins_of_installed

ROWS = pd.DataFrame({"a": [1.0, 2.0]})
MEANS = '''
from sklearn.base import BaseEstimator, RegressorMixin

from .numbers import STEP


class Shifted(RegressorMixin, BaseEstimator):
    """Predicts the mean of the target, moved by a step that another module of the team's package names."""

    def fit(self, rows, numbers):
        self.mean_ = float(numbers.mean())
        return self

    def predict(self, rows):
        import numpy

        return numpy.full(len(rows), self.mean_ + STEP)
'''


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A team's package `team_models` that can be imported."""
    package = tmp_path / "src" / "team_models"
    (package / "tests").mkdir(parents=True)
    (package / "__init__.py").write_text('"""Ours."""\n')
    (package / "means.py").write_text(MEANS)
    (package / "numbers.py").write_text("import team_words\n\nSTEP = len(team_words.WORD)\n")
    package.with_name("team_words.py").write_text('WORD = "one"\n')
    package.with_name("team_unused.py").write_text("")
    monkeypatch.syspath_prepend(package.parent)
    yield package  # type: ignore[misc]
    for name in [name for name in sys.modules if name.startswith("team_")]:
        del sys.modules[name]


def model_of(team: Path, path: Path) -> Path:
    own = find_class("team_models.means.Shifted", "train.estimator")
    save_model(own().fit(ROWS, np.array([2.0, 4.0])), path, ["team_models.means.Shifted"])
    return path


def test_only_a_class_that_the_settings_name_is_written_and_read(team: Path, tmp_path: Path) -> None:
    model = find_class("team_models.means.Shifted", "train.estimator")().fit(ROWS, np.array([2.0, 4.0]))
    with pytest.raises(
        BundleError, match=r"team_models\.means\.Shifted.*add them to train\.own_classes in slipway\.toml"
    ):
        save_model(model, tmp_path / "model.skops")
    path = model_of(team, tmp_path / "model.skops")
    with pytest.raises(BundleError, match=r"does not trust: team_models\.means\.Shifted"):
        load_model(path)
    assert load_model(path, ["team_models.means.Shifted"]).predict(ROWS).tolist() == [6.0, 6.0]
    assert own_classes_in(path, ["team_models.means.Shifted", "sklearn.linear_model.Ridge"]) == [
        "team_models.means.Shifted"
    ]


def test_a_class_of_run_py_is_refused_with_the_place_where_it_belongs(tmp_path: Path) -> None:
    program = MEANS.replace("from .numbers import STEP", "STEP = 0") + (
        "import sys, pathlib\nfrom slipway.inference.skops_file import save_model\n"
        "save_model(Shifted(), pathlib.Path(sys.argv[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model.skops")], capture_output=True, text=True, check=False
    )
    assert "move it from run.py to a separate file, such as components/train/NAME.py" in done.stderr


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("team_model.means.Shifted", r"No module named 'team_model'; did you mean 'team_models'\?"),
        ("team_models.means.Shiftet", r"has no 'Shiftet'; did you mean 'team_models\.means\.Shifted'\?"),
        ("Shifted", "cannot import the module of 'Shifted'"),
    ],
)
@pytest.mark.usefixtures("team")
def test_a_mistyped_class_is_an_error_that_suggests_the_right_one(path: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"^train.estimator: .*{message}"):
        find_class(path, "train.estimator")


@pytest.mark.usefixtures("team")
def test_the_code_of_a_class_is_its_package_and_what_that_imports() -> None:
    found = own_sources(["team_models.means.Shifted", "sklearn.linear_model._ridge.Ridge"])
    assert list(found) == ["team_models/__init__.py", "team_models/means.py", "team_models/numbers.py", "team_words.py"]
    pins = pins_of_installed(["team_models.means.Shifted", "sklearn.linear_model._ridge.Ridge"])
    assert [pin.partition("==")[0] for pin in pins] == ["scikit-learn"]


def test_a_model_is_read_with_its_own_code_and_never_with_another_of_the_same_name(team: Path, tmp_path: Path) -> None:
    content = model_of(team, tmp_path / "model.skops").read_bytes()
    names = ("team_models.means.Shifted",)
    sources = own_sources(names)
    old = OwnCode(names, zip_of(sources))
    newer = OwnCode(names, zip_of({**sources, "team_words.py": b'WORD = "eleven"\n'}))
    here = sys.modules["team_models.means"]
    models = []
    for own in (old, newer):
        with own.importable():
            models.append(decode_model(content, Path("model.skops"), own.classes))
    assert [model.predict(ROWS)[0] for model in models] == [6.0, 9.0]
    assert sys.modules["team_models.means"] is here
    shutil.rmtree(team)
    with old.importable():
        assert decode_model(content, Path("model.skops"), names).predict(ROWS)[0] == 6.0


def test_a_bundle_without_own_classes_runs_no_code_of_its_archive(tmp_path: Path) -> None:
    (tmp_path / CODE_ARCHIVE).write_bytes(b"not even a zip")
    assert read_own_code_in(tmp_path) == OwnCode()
    with pytest.raises(BundleError, match="cannot be read"):
        read_own_code({CLASSES_FILE: b"[1]", CODE_ARCHIVE: b""})
    with pytest.raises(BundleError, match="cannot be read"):
        read_own_code({CLASSES_FILE: b'["a.B"]'})
