"""What is wrong with the settings, in sentences that name the line, the setting and what was probably meant."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from slipway.reporting.suggestions import did_you_mean

_HEADER = re.compile(r"\s*\[\[?([^\]=]+)\]\]?\s*(#.*)?")
_KEY = re.compile(r"""\s*((?:[\w.\s-]|"[^"]*"|'[^']*')+?)\s*=""")
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")
_SETTING_NAME = re.compile(r"[a-z_]+\.[\w.]+")

KeyPath = tuple[str, ...]


def explain(
    error: ValidationError, model: type[BaseModel], file: str, text: str, overridden: Collection[KeyPath] = ()
) -> Iterator[str]:
    """One for each mistake that ``model`` found in ``text``; ``overridden`` are the places that --set came from."""
    for problem in error.errors():
        loc = tuple(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        named = _SETTING_NAME.match(message)
        where = loc or (tuple(named[0].split(".")) if named else ())
        yield f"{_origin(where, file, text, overridden)}: {_sentence(problem, loc, message, model)}"


def line_of(text: str, place: Sequence[str]) -> int | None:
    """The line, from 1, where a TOML document sets ``place``, or else the table that it would be in."""
    found: int | None = None
    depth = 0
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            here = table = _split_key(header[1])
        elif key := _KEY.match(line):
            here = table + _split_key(key[1])
        else:
            continue
        if len(here) > depth and here == tuple(place[: len(here)]):
            found, depth = number, len(here)
    return found


def _sentence(problem: Any, loc: KeyPath, message: str, model: type[BaseModel]) -> str:
    place = ".".join(loc)
    if problem["type"] == "extra_forbidden":
        return f"unknown setting '{place}'{_suggestion(loc, model)}"
    if problem["type"] == "missing":
        return f"the setting '{place}' is missing"
    if problem["type"] == "value_error":
        return message
    found = json.dumps(problem["input"], default=str)
    return f"'{place}' is {found}: {message[0].lower()}{message[1:]}"


def _origin(place: KeyPath, file: str, text: str, overridden: Collection[KeyPath]) -> str:
    if any(place[: len(other)] == other or other[: len(place)] == place for other in overridden if place):
        return "--set"
    line = line_of(text, place)
    return f"{file}:{line}" if line else file


def _split_key(dotted: str) -> KeyPath:
    return tuple("".join(parts) for parts in _PART.findall(dotted))


def _suggestion(place: KeyPath, model: Any) -> str:
    names = _setting_names(place[:-1], model)
    return did_you_mean(place[-1], names, f"known here: {', '.join(names)}" if names else "")


def _setting_names(section: KeyPath, model: Any) -> list[str]:
    """The settings that may stand in a section."""
    for part in section:
        if get_origin(model) is dict:
            model = get_args(model)[1]
        else:
            field = getattr(model, "model_fields", {}).get(part)
            model = field.annotation if field else None
    fields = getattr(model, "model_fields", {})
    return [field.alias or name for name, field in fields.items() if not field.exclude]
