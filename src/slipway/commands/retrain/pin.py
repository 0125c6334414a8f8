"""Resolve a retrain request to a data pin, and write the pin into `slipway.toml` without touching anything else."""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit

from slipway.commands.retrain.snapshot import snapshot
from slipway.errors import NotFoundError, RetrainError, SettingsError
from slipway.settings.sections import Source
from slipway.settings.settings import SETTINGS_FILE, Settings, override, parse_settings
from slipway.versioning.git.checkout import file_at
from slipway.versioning.semver import is_release_tag

YESTERDAY = "yesterday"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TRAINING_SETTINGS = ("seed", "parameters", "preprocess")
"""The settings of `[train]` that a retrain can change besides the data: how the same estimator learns."""


@dataclass(frozen=True)
class RetrainRequest:
    """What to retrain on; empty fields change nothing. ``parameters`` look like ``train.max_iter=300``."""

    through: str = ""
    sources: tuple[str, ...] = ()
    restore: str = ""
    parameters: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pin:
    """The pinned data: URI and digest of each source, and the last day."""

    through: datetime.date | None
    sources: Mapping[str, Source]


def pin_of(settings: Settings) -> Pin:
    """Return the data pin of the settings."""
    return Pin(settings.data.through, settings.data.sources)


def resolve_pin(request: RetrainRequest, settings: Settings, today: datetime.date) -> Pin:
    """Return the data pin that the request leads to. New sources are read, and copied if ``data.snapshots`` is set.

    Raises:
        SettingsError: the request is empty, contradicts itself, or has an invalid day or unknown source.
        RetrainError: the day is in the future, or it is before the pinned one and there is no reason.
        NotFoundError: the release to restore does not exist.
        DataError, DataChangedError: a source cannot be read, or it changed while it was read.
    """
    if request.restore:
        if request.through or request.sources:
            raise SettingsError("--restore restores an earlier data pin unchanged; omit --through and --source")
        return _read_release_pin(request.restore, settings)
    if not request.through and not request.sources:
        raise SettingsError("a retrain needs new data: use --through YYYY-MM-DD, --source NAME=URI or --restore X.Y.Z")
    through = _through_date(request, settings, today) if request.through else settings.data.through
    return Pin(through, {**settings.data.sources, **_new_sources(request, settings)})


def _through_date(request: RetrainRequest, settings: Settings, today: datetime.date) -> datetime.date:
    before, through = settings.data.through, _parse_day(request.through, today)
    if not settings.data.time:
        raise SettingsError("--through needs data.time, the column with each row's timestamp; without it, use --source")
    if through > today:
        raise RetrainError(f"{through} is in the future (today is {today}); nothing was changed")
    if before and through < before and not request.reason:
        raise RetrainError(
            f"the data pin is through {before} already, and {through} is earlier; going back needs a --reason; "
            "nothing was changed"
        )
    return through


def _parse_day(text: str, today: datetime.date) -> datetime.date:
    if text == YESTERDAY:
        return today - datetime.timedelta(days=1)
    try:
        return datetime.date.fromisoformat(text if _DAY.fullmatch(text) else "")
    except ValueError:
        raise SettingsError(f"--through expects YYYY-MM-DD or {YESTERDAY}, got {text[:80]!r}") from None


def _new_sources(request: RetrainRequest, settings: Settings) -> Mapping[str, Source]:
    data = settings.data
    given = dict(_split_source(text, [*data.sources]) for text in request.sources)
    return {name: snapshot(uri, data.snapshots, settings.root) for name, uri in given.items()}


def _split_source(text: str, source_names: list[str]) -> tuple[str, str]:
    """Split ``NAME=URI``; with a single source, the URI alone is enough."""
    name, equals, uri = text.partition("=")
    if equals and name in source_names and uri:
        return name, uri
    if len(source_names) == 1 and not (equals and re.fullmatch(r"[\w-]+", name)):
        return source_names[0], text
    raise SettingsError(
        f"--source {text[:200]!r} does not name any of the sources {', '.join(source_names)}; use NAME=URI"
    )


def _read_release_pin(version: str, settings: Settings) -> Pin:
    """Return the data pin of an earlier release, from the settings at its tag."""
    tag = f"v{version.removeprefix('v')}"
    if not is_release_tag(tag):
        raise SettingsError(f"--restore expects a release X.Y.Z, got {version[:80]!r}")
    text = file_at(settings.root, f"refs/tags/{tag}", f"./{SETTINGS_FILE}")
    if text is None:
        raise NotFoundError(f"no release {tag} with a {SETTINGS_FILE} in this repository; nothing was changed")
    pin = pin_of(parse_settings(text, settings.root / SETTINGS_FILE))
    if pin.sources.keys() != settings.data.sources.keys():
        raise RetrainError(
            f"{tag[1:]} was trained on {', '.join(pin.sources)}, but the settings now name "
            f"{', '.join(settings.data.sources)}, so its data pin cannot be restored on its own; nothing was changed"
        )
    return pin


def move_pin(text: str, pin: Pin, parameters: Sequence[str] = ()) -> str:
    """Return the settings file with another data pin and training ``parameters`` such as ``train.max_iter=300``.

    Raises:
        SettingsError: a parameter does not belong to training, for example one of the gate.
    """
    document: Any = tomlkit.parse(text)
    _set_if_changed(document["data"], "through", pin.through)
    for name, source in pin.sources.items():
        for key, value in source.model_dump().items():
            _set_if_changed(document["data"]["sources"][name], key, value)
    for given in parameters:
        _check_parameter(given, override(document, given))
    after = tomlkit.dumps(document)
    if _other_settings(text) != _other_settings(after):
        raise SettingsError("moving the data pin would change more than data and training; edit slipway.toml by hand")
    return after


def _set_if_changed(table: Any, key: str, value: object) -> None:
    """Set a value only if it differs, so that unchanged lines keep their formatting."""
    if value is None:
        table.pop(key, None)
    elif table.get(key) != value:
        table[key] = value


def _check_parameter(assignment: str, key_path: Sequence[str]) -> None:
    if key_path[0] != "train" or key_path[1] not in _TRAINING_SETTINGS:
        raise SettingsError(
            f"a retrain can set {', '.join(f'train.{name}' for name in _TRAINING_SETTINGS)} (train.max_iter=300 "
            f"is short for train.parameters.max_iter=300), but not {assignment!r}; "
            "that needs a separate commit; nothing was changed"
        )


def _other_settings(text: str) -> dict[str, Any]:
    """Return all settings except those that a retrain can change."""
    document = tomllib.loads(text)
    data, train = dict(document["data"]), dict(document["train"])
    return document | {
        "data": {key: value for key, value in data.items() if key not in ("through", "sources")},
        "train": {key: value for key, value in train.items() if key not in _TRAINING_SETTINGS},
    }
