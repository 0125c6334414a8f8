"""slipway.toml is read once, strictly, and its errors help."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import check_contract, load_settings

ROOT = Path(__file__).parents[2]


def refused(tmp_path: Path, old: str, new: str) -> str:
    text = (ROOT / "slipway.toml").read_text()
    assert old in text
    (tmp_path / "slipway.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(SettingsError) as error:
        load_settings(tmp_path / "slipway.toml")
    return str(error.value)


def test_the_committed_contract_is_the_one_the_settings_describe() -> None:
    assert check_contract(load_settings(ROOT / "slipway.toml")) == ROOT / "contract.json"


def test_an_unknown_setting_suggests_the_nearest(tmp_path: Path) -> None:
    said = refused(tmp_path, "[gate.floors]", "[gate.flors]")
    assert said == "slipway.toml: unknown setting 'gate.flors'; did you mean 'floors'?"


def test_a_wrong_type_is_named_with_its_place(tmp_path: Path) -> None:
    assert "'split.holdout_days' is \"thirty\"" in refused(tmp_path, "holdout_days = 30", 'holdout_days = "thirty"')


def test_a_time_column_without_blocks_is_refused(tmp_path: Path) -> None:
    assert "gate.block is required" in refused(tmp_path, 'block = "day"', 'block = ""')


def test_the_target_cannot_be_a_feature(tmp_path: Path) -> None:
    assert "may not see its own answer" in refused(tmp_path, 'carrier = "string"', 'late = "string"')


@pytest.mark.parametrize("override", ["gate.margin=1", "gate.floors.roc_auc=0"])
def test_an_override_cannot_touch_the_gate(override: str) -> None:
    with pytest.raises(SettingsError, match="cannot touch the gate"):
        load_settings(ROOT / "slipway.toml", [override])


def test_an_override_of_an_unknown_train_setting_is_a_parameter_of_the_estimator() -> None:
    settings = load_settings(ROOT / "slipway.toml", ["train.max_iter=300"])
    assert settings.train.parameters["max_iter"] == 300
