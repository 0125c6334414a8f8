"""Holds answers against GitHub's published schemas: ``shapes.json`` has every required field and its kind.

Kinds: ``str``, ``int``, ``bool``, ``time``, ``any``; ``x?`` may be null; a name is another schema, ``[x]`` a list of x.
It was taken from GitHub's API description 26.10.21 for version 2022-11-28, by way of PyPI's githubkit-schemas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .fake import Exchange, GitHub
from .router import find

SHAPES: dict[str, Any] = json.loads(Path(__file__).with_name("shapes.json").read_text())
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
PLAIN: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "time": lambda value: isinstance(value, str) and TIME.fullmatch(value) is not None,
    "any": lambda value: True,
}


def misshapen(github: GitHub) -> list[str]:
    """What is wrong with the 2xx answers that a fake has given so far; empty is good."""
    return [fault for exchange in github.exchanges for fault in faults_of(github, exchange)]


def faults_of(github: GitHub, exchange: Exchange) -> list[str]:
    answer, found = exchange.answer, find(github.repository, exchange.request)
    if answer is None or found is None or answer.status not in (200, 201) or not found[0].shape:
        return []
    key, _, shape = found[0].shape.rpartition(":")
    value = answer.body[key] if key else answer.body
    return [f"{exchange.request}: {fault}" for fault in faults(value, expected(shape))]


def expected(text: str) -> Any:
    """The shape that a route names: ``[x]`` for a list of x."""
    return [text[1:-1]] if text.startswith("[") else text


def faults(value: Any, shape: Any, place: str = "answer") -> list[str]:
    """Every place where the value is not of that shape."""
    if isinstance(shape, list):
        return [f for i, item in enumerate(value) for f in faults(item, shape[0], f"{place}[{i}]")]
    if isinstance(shape, dict):
        return fields(value, shape, place, partial=False)
    name, partial = shape.removesuffix("?"), shape.endswith("?")
    if name in PLAIN:
        right = PLAIN[name](value) or (partial and value is None)
        return [] if right else [f"{place} is {value!r}, not {shape}"]
    return [] if partial and value is None else fields(value, SHAPES[name], place, partial)


def fields(value: Any, shape: dict[str, Any], place: str, partial: bool) -> list[str]:
    if not isinstance(value, dict):
        return [f"{place} is {value!r}, not an object"]
    missing = [] if partial else [f"{place}.{name} is missing" for name in shape if name not in value]
    wrong = [faults(value[name], kind, f"{place}.{name}") for name, kind in shape.items() if name in value]
    return missing + [fault for some in wrong for fault in some]
