"""The settings can be read, and the committed contract is the one that they describe."""

from __future__ import annotations

from pathlib import Path

from slipway.settings.settings import check_contract, load_settings

ROOT = next(folder for folder in Path(__file__).parents if (folder / "slipway.toml").is_file())


def test_the_contract_follows_from_the_settings() -> None:
    settings = load_settings(ROOT / "slipway.toml")
    assert check_contract(settings) == ROOT / "contract.json"


def test_no_input_tells_the_target() -> None:
    settings = load_settings(ROOT / "slipway.toml")
    assert settings.data.target not in settings.features
