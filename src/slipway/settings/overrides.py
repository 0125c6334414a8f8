"""Settings that are changed for one run, by ``--set section.name=value``."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from typing import Any

from slipway.errors import SettingsError


def override(document: dict[str, Any], given: str, train: Collection[str]) -> tuple[str, ...]:
    """Change one setting of a document, and tell which; what ``train`` does not name is a parameter of the estimator.

    Raises:
        SettingsError: it is no ``section.name=value``, or would touch the gate.
    """
    name, equals, text = given.partition("=")
    parts = name.split(".")
    if not equals or len(parts) < 2:
        raise SettingsError(f"--set takes section.name=value, such as train.max_iter=300, not {given!r}")
    if parts[0] == "gate":
        raise SettingsError(f"--set cannot touch the gate ({name}): lowering a bar needs a commit to slipway.toml")
    if parts[0] == "train" and len(parts) == 2 and parts[1] not in train:
        parts = ["train", "parameters", parts[1]]
    section = document
    for part in parts[:-1]:
        section = section.setdefault(part, {})
        if not isinstance(section, dict):
            raise SettingsError(f"--set {name}: '{part}' is a value, not a section")
    section[parts[-1]] = _value(text)
    return tuple(parts)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
