"""What a person who writes a component meets: types, scores, and the name of a step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipway.errors import SettingsError
from slipway.pipeline.component import main
from slipway.pipeline.project_files import component_folder


def test_a_list_and_a_dict_may_say_what_is_in_them_and_numpys_numbers_are_scores(tmp_path: Path) -> None:
    def count(out: Path, *, columns: list[str], limits: dict[str, float]) -> dict[str, Any]:
        return {"columns": np.int64(len(columns)), "limit": np.float32(limits["a"])}

    main(count, ["--out", str(tmp_path), "--columns", '["a"]', "--limits", '{"a": 0.5}'])
    assert json.loads((tmp_path / "scores.json").read_text()) == {"columns": 1.0, "limit": 0.5}


def with_a_flag(out: Path, *, fast: bool = False) -> dict[str, float]:
    return {}


def without_a_type(out: Path, *, fast=1) -> dict[str, float]:  # type: ignore[no-untyped-def]
    return {}


@pytest.mark.parametrize(("component", "words"), [(with_a_flag, "is bool"), (without_a_type, "is missing")])
def test_a_parameter_of_another_type_is_refused_with_those_that_work(
    component: Callable[..., dict[str, float]], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(component, [])
    assert ended.value.code == SettingsError.exit_code
    expected = (
        f"{component.__name__}: the type of the parameter 'fast' {words}; a component takes Path, str, int, float"
    )
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "missing", "hint"),
    [
        ("balance", "components/balance/MLproject", ""),
        ("halves", "components/halves/run.py", ""),
        ("balanse", "components/balanse/MLproject", "; did you mean 'balance'?"),
        ("evalute", "components/evalute/MLproject", "; did you mean 'evaluate'?"),
    ],
)
def test_a_step_without_a_complete_folder_is_an_error_that_names_the_file(
    tmp_path: Path, name: str, missing: str, hint: str
) -> None:
    folder = tmp_path / "components"
    (folder / "halves").mkdir(parents=True)
    (folder / "halves" / "MLproject").touch()
    (folder / "balance").mkdir()
    if name != "balance":
        (folder / "balance" / "MLproject").touch()
    with pytest.raises(SettingsError) as refused:
        component_folder(tmp_path, name)
    assert str(refused.value) == (
        f"pipeline/run.py runs the step '{name}', but {tmp_path / missing} does not exist{hint}"
    )
