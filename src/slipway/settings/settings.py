"""Read `slipway.toml` into one frozen model; an error names the line, the setting and the likely fix."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from slipway.contract.schema import Column, Contract, Task, outputs_of, read_contract
from slipway.errors import ContractError, SettingsError
from slipway.settings import sections
from slipway.settings.diagnostics import SettingsText, describe_toml_error, explain
from slipway.settings.names import Problem, find_unknown_names
from slipway.storage.digests import file_digest

__all__ = ["Settings", "load_settings"]

SETTINGS_FILE = "slipway.toml"
CONTRACT_FILE = "contract.json"
LOCK_FILE = "requirements.lock"
COMPONENTS_LOCK = "components.lock"
STATE = ".slipway"
"""The folder beside the settings for Slipway's own files; it is not committed."""


class Settings(sections.Section):
    """All settings of a project."""

    name: str = Field(pattern="^[a-z][a-z0-9_-]*$")
    task: Task
    data: sections.Data
    features: dict[str, sections.Feature] = Field(min_length=1)
    validation: sections.Validate = Field(default=sections.Validate(), alias="validate")
    split: sections.Split = sections.Split()
    train: sections.Train
    evaluate: sections.Evaluate = sections.Evaluate()
    components: sections.Components = sections.Components()
    gate: sections.Gate = sections.Gate()
    drift: sections.Drift = sections.Drift()
    target: sections.Target = sections.Target()
    trust: sections.Trust = sections.Trust()
    retention: sections.Retention = sections.Retention()
    root: Path = Field(default=Path(), exclude=True)
    source: SettingsText = Field(default=SettingsText(), exclude=True)

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if self.task == "classification" and len(self.data.classes) < 2:
            raise ValueError("data.classes must name at least two classes for a classification")
        if self.task == "regression" and self.data.classes:
            raise ValueError("data.classes must be left out for a regression")
        if self.data.time and not self.gate.block:
            raise ValueError(
                f"gate.block is required because data.time is '{self.data.time}': rows of one day are not independent"
            )
        if self.split.by == "time" and not self.data.time:
            raise ValueError("split.by = 'time' requires data.time, the column with each row's timestamp")
        if bool(self.trust.identity) != bool(self.trust.issuer) or (self.trust.identity and self.trust.public_key):
            raise ValueError("trust takes either public_key, or identity and issuer together")
        if self.trust.allow_unsigned is False and not (self.trust.identity or self.trust.public_key):
            raise ValueError(
                "trust.allow_unsigned is false, so trust must name a signer: public_key, or identity and issuer"
            )
        if bool(self.components.repository) != bool(self.components.version):
            raise ValueError("components.repository and components.version are both required, or neither")
        if self.components.versions and not self.components.repository:
            raise ValueError("components.versions requires components.repository, which has these versions")
        if has_password(self.components.repository):
            raise ValueError(
                "components.repository must not contain a password or token, because the file is committed; let git's "
                "own credentials provide it"
            )
        if self.drift.k > self.drift.n:
            raise ValueError(f"drift.k is {self.drift.k}, which is more than drift.n = {self.drift.n} windows")
        if self.data.target in self.features:
            raise ValueError(
                f"features.{self.data.target} is the target column, which must not be an input of the model"
            )
        return self

    @property
    def contract(self) -> Contract:
        """The contract that follows from these settings."""
        inputs = tuple(Column(name, f.type, f.nullable, f.values) for name, f in self.features.items())
        return Contract(self.name, self.task, inputs, outputs_of(self.task, self.data.classes), self.data.classes)

    @property
    def tracking_uri(self) -> str:
        """The default MLflow store: SQLite beside the settings, as an absolute path."""
        return f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def lock_digest(self) -> str:
        """The SHA-256 of the lock file beside the settings; the empty string if there is none."""
        lock = self.root / LOCK_FILE
        return file_digest(lock) if lock.is_file() else ""


def has_password(url: str) -> bool:
    """Return whether a URL contains credentials; the user name of SSH is none."""
    found = urlsplit(url)
    return found.password is not None or (found.scheme in ("http", "https") and found.username is not None)


def load_settings(path: Path, overrides: Sequence[str] = ()) -> Settings:
    """Read the settings, with ``a.b=value`` overrides for one run.

    Raises:
        SettingsError: the file is missing, cannot be read or is not valid TOML, a name is unknown, a type is wrong, or an
            override would change the gate.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        problem = "does not exist" if missing else f"cannot be read: {error.strerror}"
        raise SettingsError(
            f"{_absolute_path(path)} {problem}; run slipway in the folder that contains slipway.toml, or pass "
            "--settings FILE"
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name} is not valid TOML: {error}") from None
    return parse_settings(text, path, overrides)


def parse_settings(text: str, path: Path, overrides: Sequence[str] = ()) -> Settings:
    """Parse the text of a settings file; like ``load_settings``, but ``path`` itself is not read."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name} is not valid TOML: {describe_toml_error(error, text)}") from None
    source = SettingsText(path.name, text, tuple(override(document, given) for given in overrides))
    # The short form `distance = "double"` means `distance = { type = "double" }`.
    if isinstance(features := document.get("features"), dict):
        short = {name: {"type": value} for name, value in features.items() if isinstance(value, str)}
        document["features"] = features | short
    try:
        settings = Settings.model_validate({**document, "root": _absolute_path(path).parent, "source": source})
    except ValidationError as error:
        raise SettingsError("\n".join(explain(error, Settings, source))) from None
    check_names(settings, find_unknown_names(settings))
    return settings


def check_names(settings: Settings, problems: Iterable[Problem], *, state: str = "") -> None:
    """Raise one error about all ``problems``, each with its line in the settings file, or return if there are none.

    Raises:
        SettingsError: there is a problem; the message ends with ``state``, what the command has done so far.
    """
    if sentences := [f"{settings.source.origin_of(path)}: {sentence}" for path, sentence in problems]:
        raise SettingsError("\n".join(sentences) + (f"; {state}" if state else ""))


def override(document: dict[str, Any], assignment: str) -> tuple[str, ...]:
    """Change one setting of a document and return its path; unknown names under `train` are parameters of the estimator.

    Raises:
        SettingsError: ``assignment`` is not ``section.name=value``, or would change the gate.
    """
    name, equals, text = assignment.partition("=")
    parts = name.split(".")
    if not equals or len(parts) < 2:
        raise SettingsError(f"--set takes section.name=value, such as train.max_iter=300, not {assignment!r}")
    if parts[0] == "gate":
        raise SettingsError(
            f"--set cannot touch the gate ({name}): a threshold changes only by a commit to slipway.toml"
        )
    if parts[0] == "train" and len(parts) == 2 and parts[1] not in sections.Train.model_fields:
        parts = ["train", "parameters", parts[1]]
    section = document
    for part in parts[:-1]:
        section = section.setdefault(part, {})
        if not isinstance(section, dict):
            raise SettingsError(f"--set {name}: '{part}' is a value, not a section")
    section[parts[-1]] = _parse_value(text)
    return tuple(parts)


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _absolute_path(path: Path) -> Path:
    """Return the absolute path without ``..``, so that a file has the same name in all messages and cache keys."""
    return path.parent.resolve() / path.name


def check_contract(settings: Settings) -> Path:
    """Compare the committed contract with the settings and return its path.

    Raises:
        ContractError: the file is missing or differs from the settings; the message names the differences.
    """
    path = settings.root / CONTRACT_FILE
    committed, described = read_contract(path), settings.contract
    if committed == described:
        return path
    names = _differences(committed, described)
    raise ContractError(
        f"{CONTRACT_FILE} and {SETTINGS_FILE} disagree about {names}; "
        "run `slipway contract write` and review the diff like an API change"
    )


def _differences(committed: Contract, described: Contract) -> str:
    before = {column.name: column for column in committed.inputs}
    after = {column.name: column for column in described.inputs}
    columns = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    fields = [f for f in ("name", "task", "classes", "outputs") if getattr(committed, f) != getattr(described, f)]
    return ", ".join([*(f"column '{name}'" for name in columns), *fields]) or "the order of the columns"
