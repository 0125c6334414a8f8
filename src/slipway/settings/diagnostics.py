"""Describe errors in the settings: each message names the line, the setting and the most likely fix."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from slipway.reporting.suggestions import closest_match

_HEADER = re.compile(r"\s*\[\[?([^\]=]+)\]\]?\s*(#.*)?")
_KEY = re.compile(r"""\s*((?:[\w.\s-]|"[^"]*"|'[^']*')+?)\s*=""")
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")
_SETTING_NAME = re.compile(r"[a-z_]+\.[\w.]+")

_ERROR_LINE = re.compile(r"\(at line (\d+), column")
_KEY_WITH_SPACE = re.compile(r"\s*([\w-]+(?: +[\w-]+)+)\s*=.*")
_BARE_VALUE = re.compile(r"\s*[\w.\"'-]+\s*=\s*([A-Za-z_][^\s\"'#,]*)\s*(?:#.*)?")
_BOOLEAN_WORDS = {"true", "false", "yes", "no", "on", "off"}
_UNQUOTED = {
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "bool": re.compile("true|false"),
    "int": re.compile(r"[+-]?\d+"),
    "float": re.compile(r"[+-]?\d+(\.\d+)?"),
}
"""Text that TOML reads as a value of this type if there are no quotes around it."""

KeyPath = tuple[str, ...]

RENAMED = {
    "gate.floors": "gate.minimum",
    "gate.ceilings": "gate.maximum",
    "gate.slice_floors": "gate.slice_minimum",
    "gate.slice_ceilings": "gate.slice_maximum",
}
"""Old setting names and their new ones. An old name is an error and never read: two names for one limit could disagree."""


@dataclass(frozen=True)
class SettingsText:
    """The text of a settings file, from which a message takes its line; ``overridden`` are the settings given by --set."""

    file: str = "slipway.toml"
    text: str = ""
    overridden: tuple[KeyPath, ...] = ()

    def origin_of(self, path: KeyPath) -> str:
        """Return where a setting comes from: the file with the line, the file alone if it has no such line, or --set."""
        if any(path[: len(other)] == other or other[: len(path)] == path for other in self.overridden if path):
            return "--set"
        line = line_of(self.text, path)
        return f"{self.file}:{line}" if line else self.file


def explain(error: ValidationError, model: type[BaseModel], source: SettingsText) -> Iterator[str]:
    """Yield a message for each error that ``model`` found in the settings of ``source``."""
    for problem in error.errors():
        loc = tuple(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        named = _SETTING_NAME.match(message)
        # A check across settings has no location: its message begins with the setting that is wrong.
        where = loc or (tuple(named[0].split(".")) if named else ())
        yield f"{source.origin_of(where)}: {_sentence(problem, loc, message, model)}"


def line_of(text: str, path: Sequence[str]) -> int | None:
    """Return the line (from 1) that sets ``path`` in a TOML document, or else the line of the table it belongs to."""
    found: int | None = None
    depth = 0
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            key_path = table = _split_key(header[1])
        elif key := _KEY.match(line):
            key_path = table + _split_key(key[1])
        else:
            continue
        if len(key_path) > depth and key_path == tuple(path[: len(key_path)]):
            found, depth = number, len(key_path)
    return found


def describe_toml_error(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Return the parser's message, which names line and column, with a hint about the most frequent mistakes."""
    found = _ERROR_LINE.search(str(error))
    lines = text.splitlines()
    line = lines[int(found[1]) - 1] if found and int(found[1]) <= len(lines) else ""
    if key := _KEY_WITH_SPACE.fullmatch(line):
        return f'{error}; put a name with a space in quotes: "{key[1]}" = ...'
    if (value := _BARE_VALUE.fullmatch(line)) is None:
        return str(error)
    if value[1].lower() in _BOOLEAN_WORDS:
        return f"{error}; write true or false, in lower case and without quotes"
    return f'{error}; put text in quotes: "{value[1]}"'


def quote_part(name: str) -> str:
    """Return a name as one part of a dotted name, quoted as in TOML if a dot would split it in two."""
    return json.dumps(name, ensure_ascii=False) if "." in name else name


def _sentence(problem: Any, loc: KeyPath, message: str, model: type[BaseModel]) -> str:
    name = ".".join(loc)
    if problem["type"] == "extra_forbidden":
        if name in RENAMED:
            return f"`{name}` is now `{RENAMED[name]}`"
        return f"unknown setting '{name}'{_suggestion(loc, model)}"
    if problem["type"] == "missing":
        return f"the setting '{name}' is missing"
    if problem["type"] == "value_error":
        return message
    found = json.dumps(problem["input"], default=str)
    return f"'{name}' is {found}: {message[0].lower()}{message[1:]}{_quotes_hint(problem)}"


def _quotes_hint(problem: Any) -> str:
    """Return a hint about quotes around a value that must not have them."""
    given, kind = problem["input"], str(problem["type"]).partition("_")[0]
    pattern = _UNQUOTED.get(kind)
    return (
        f"; write it without quotes: {given}" if pattern and isinstance(given, str) and pattern.fullmatch(given) else ""
    )


def _split_key(dotted: str) -> KeyPath:
    return tuple("".join(parts) for parts in _PART.findall(dotted))


def _suggestion(path: KeyPath, model: Any) -> str:
    names = _setting_names(path[:-1], model)
    if closest := closest_match(path[-1], names):
        return f"; did you mean '{'.'.join((*path[:-1], closest))}'?"
    return f"; known settings: {', '.join(names)}" if names else ""


def _setting_names(section: KeyPath, model: Any) -> list[str]:
    """Return the settings that a section can contain."""
    for part in section:
        # A table with names of the user's choice, such as [data.sources.NAME]: what counts is the type of its values.
        if get_origin(model) is dict:
            model = get_args(model)[1]
        else:
            fields = getattr(model, "model_fields", {})
            model = next((field.annotation for name, field in fields.items() if part == (field.alias or name)), None)
    fields = getattr(model, "model_fields", {})
    return [field.alias or name for name, field in fields.items() if not field.exclude]
