"""A setting that was renamed is refused with its new name; only names that no longer exist are in the table."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from slipway.settings.diagnostics import RENAMED, SettingsText, explain
from slipway.settings.sections import Section
from slipway.settings.settings import Settings


class Gate(Section):
    minimum: dict[str, float] | None = None


class Project(Section):
    gate: Gate = Gate()


def refused(text: str, document: dict[str, Any], overridden: tuple[tuple[str, ...], ...] = ()) -> list[str]:
    with pytest.raises(ValidationError) as error:
        Project.model_validate(document)
    return list(explain(error.value, Project, SettingsText("slipway.toml", text, overridden)))


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_setting_is_refused_with_its_new_name_and_its_line(old: str, new: str) -> None:
    table = old.removeprefix("gate.")
    text = f"[gate]\nmargin = 0.01\n\n[{old}]\nroc_auc = 0.6\n"
    assert refused(text, {"gate": {table: {"roc_auc": 0.6}}}) == [f"slipway.toml:4: `{old}` is now `{new}`"]


def test_an_old_setting_given_by_set_is_not_blamed_on_the_file() -> None:
    sentences = refused("", {"gate": {"floors": 1}}, (("gate", "floors"),))
    assert sentences == ["--set: `gate.floors` is now `gate.minimum`"]


def test_a_typo_is_still_answered_with_the_nearest_setting() -> None:
    sentences = refused("[gate.minimun]\n", {"gate": {"minimun": {}}})
    assert sentences == ["slipway.toml:1: unknown setting 'gate.minimun'; did you mean 'gate.minimum'?"]


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_one_of_the_two_names_is_a_setting(old: str, new: str) -> None:
    """With both, a file could set one limit twice; with neither, the message would name an unknown setting."""
    assert is_setting(old) != is_setting(new)


def is_setting(name: str) -> bool:
    model: Any = Settings
    for part in name.split("."):
        if part not in model.model_fields:
            return False
        model = model.model_fields[part].annotation
    return not (isinstance(model, type) and issubclass(model, BaseModel))
