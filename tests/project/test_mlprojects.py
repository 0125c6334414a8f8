"""An MLproject repeats its component's signature, since MLflow cannot read Python; here the two are compared."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from slipway.pipeline.component import parameters_of

ROOT = Path(__file__).parents[2]
COMPONENTS = ROOT / "components"
PROJECTS = sorted(COMPONENTS.glob("*/MLproject"))
TYPES = {Path: "path", str: "string", dict: "string", list: "string", int: "float", float: "float"}


@pytest.fixture(params=PROJECTS, ids=lambda path: path.parent.name)
def project(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def component(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The function in run.py, imported as Python does when the component runs: with its own folder first."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(project.parent)
    spec = importlib.util.spec_from_file_location(f"run_{project.parent.name}", project.with_name("run.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield getattr(module, project.parent.name)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(project.parent)):
            del sys.modules[name]


def entry_point(project: Path) -> dict[str, Any]:
    main: dict[str, Any] = yaml.safe_load(project.read_text())["entry_points"]["main"]
    return main


def test_there_are_components_to_compare() -> None:
    assert {"evaluate", "validate"} <= {path.parent.name for path in PROJECTS}


def test_an_mlproject_is_named_as_its_folder_and_shares_the_environment(project: Path) -> None:
    content = yaml.safe_load(project.read_text())
    assert content["name"] == project.parent.name
    assert content["python_env"] == "../python_env.yaml"


@pytest.mark.parametrize("folder", [*(path.parent for path in PROJECTS), ROOT / "pipeline"], ids=lambda f: f.name)
def test_the_environment_of_an_mlproject_is_the_training_lock(folder: Path) -> None:
    """MLflow looks for the file beside the MLproject, so a link leads to the one of all components."""
    environment = yaml.safe_load((COMPONENTS / "python_env.yaml").read_text())
    assert environment["dependencies"] == ["-r requirements.lock"]
    assert (folder / "requirements.lock").is_symlink()
    assert (folder / "requirements.lock").resolve() == COMPONENTS / "requirements.lock"


def test_an_mlproject_has_the_parameters_and_types_of_the_signature(project: Path, component: Any) -> None:
    declared = {name: spec["type"] for name, spec in entry_point(project)["parameters"].items()}
    hints = get_type_hints(component)
    assert declared == {name: TYPES[hints[name]] for name in parameters_of(component)}


def test_an_mlproject_has_the_defaults_of_the_signature(project: Path, component: Any) -> None:
    specs = entry_point(project)["parameters"]
    declared = {name: spec["default"] for name, spec in specs.items() if "default" in spec}
    optional = {n: p.default for n, p in parameters_of(component).items() if p.default is not inspect.Parameter.empty}
    assert declared == optional


def test_the_command_passes_every_parameter_exactly_once(project: Path) -> None:
    main = entry_point(project)
    head, *_ = main["command"].split(" --")
    loads_a_model = project.parent.name in ("evaluate", "package")
    assert head == f"PYTHONPATH=../../src{':../train' if loads_a_model else ''} python run.py"
    assert re.findall(r"--(\S+) \{(\S+?)\}", main["command"]) == [(name, name) for name in main["parameters"]]
    assert main["command"].count("{") == main["command"].count("--") == len(main["parameters"])
