"""Read the vulnerabilities that a project accepts until a day."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import SettingsError, VulnerabilityError

_EXAMPLE = '{ until = 2027-01-31, reason = "..." }'


@dataclass(frozen=True)
class AuditException:
    """A vulnerability, by one of its names such as GHSA-..., that is accepted through ``until``."""

    name: str
    until: datetime.date
    reason: str


def read_exceptions(path: Path, today: datetime.date) -> Mapping[str, AuditException]:
    """Return the exceptions of a file by name; a missing file has none.

    Raises:
        SettingsError: the file is not TOML, or an exception lacks a day or a reason.
        VulnerabilityError: an exception has expired.
    """
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not a TOML file: {error}") from None
    found = {name: _exception(path, name, entry) for name, entry in table.items()}
    if expired := [exception for exception in found.values() if exception.until < today]:
        listed = "; ".join(f"{one.name} on {one.until} ({one.reason})" for one in expired)
        raise VulnerabilityError(
            f"{path}: an exception has expired: {listed}; update the package and remove the line, or give it a new day "
            "after another review"
        )
    return found


def _exception(path: Path, name: str, entry: object) -> AuditException:
    if isinstance(entry, dict) and entry.keys() == {"until", "reason"}:
        until, reason = entry["until"], entry["reason"]
        # A date and time is a date too, for isinstance.
        if type(until) is datetime.date and isinstance(reason, str) and reason.strip():
            return AuditException(name, until, reason.strip())
    raise SettingsError(f"{path}: '{name}' needs a day and a reason and nothing else: {name} = {_EXAMPLE}")
