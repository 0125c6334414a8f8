"""The data pin in `slipway.toml`: moved without touching a comment, a blank or any other setting."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tomlkit

from slipway.errors import SettingsError
from slipway.settings.sections import Source
from slipway.settings.settings import Settings, override

_TRAINING = ("seed", "parameters", "preprocess")
"""What of `[train]` a retrain may change beside the data: how the same estimator learns, and nothing else."""


class Pin(NamedTuple):
    """Which data: each source's place and digest, and the last day."""

    through: datetime.date | None
    sources: Mapping[str, Source]


def pin_of(settings: Settings) -> Pin:
    """The pin that settings hold."""
    return Pin(settings.data.through, settings.data.sources)


def moved(text: str, pin: Pin, parameters: Sequence[str] = ()) -> str:
    """The settings file with another pin, and with training ``parameters`` such as ``train.max_iter=300``.

    Raises:
        SettingsError: a parameter is none of training, such as one of the gate.
    """
    document: Any = tomlkit.parse(text)
    _place(document["data"], "through", pin.through)
    for name, source in pin.sources.items():
        for key, value in source.model_dump().items():
            _place(document["data"]["sources"][name], key, value)
    for given in parameters:
        _check_parameter(given, override(document, given))
    after = tomlkit.dumps(document)
    if _rest(text) != _rest(after):
        raise SettingsError("moving the pin would change more than data and training; edit slipway.toml by hand")
    return after


def _place(table: Any, key: str, value: object) -> None:
    """Set it only where it differs, so that what stays keeps its very spelling."""
    if value is None:
        table.pop(key, None)
    elif table.get(key) != value:
        table[key] = value


def _check_parameter(given: str, place: Sequence[str]) -> None:
    if place[0] != "train" or place[1] not in _TRAINING:
        raise SettingsError(
            f"a retrain may set {', '.join(f'train.{name}' for name in _TRAINING)} (train.max_iter=300 is short for "
            f"train.parameters.max_iter=300), but not {given!r}; that takes a commit of its own; nothing was changed"
        )


def _rest(text: str) -> dict[str, Any]:
    """All settings but those that a retrain moves."""
    document = tomllib.loads(text)
    data, train = dict(document["data"]), dict(document["train"])
    return document | {
        "data": {key: value for key, value in data.items() if key not in ("through", "sources")},
        "train": {key: value for key, value in train.items() if key not in _TRAINING},
    }
