"""Convert settings to the parameters of the components ingest and validate."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from slipway.errors import SettingsError
from slipway.settings.names import find_missing_columns
from slipway.settings.settings import Settings, check_names
from slipway.tables.data_frame import column_names
from slipway.tables.source_uri import local_path, resolve_uri

__all__ = ["ingest_parameters", "validate_parameters"]


def ingest_parameters(settings: Settings, contract: Path) -> dict[str, Any]:
    """Parameters of ingest: the data pin, with paths made absolute relative to the folder of ``slipway.toml``."""
    data = settings.data
    file, _, function = data.function.rpartition(":")
    return {
        "contract": contract,
        "function": f"{settings.root / file}:{function}",
        "sources": {n: {"uri": resolve_uri(settings.root, s.uri), "sha256": s.sha256} for n, s in data.sources.items()},
        "target": data.target,
        "time": data.time,
        "through": data.through.isoformat() if data.through else "",
    }


def validate_parameters(settings: Settings, contract: Path, rows: Path) -> dict[str, Any]:
    """Parameters of validate: the rows, the contract and the expectations.

    Raises:
        SettingsError: a setting of any section names a column that the rows do not have. Their columns are known only
            now, and otherwise the last step or the gate would be the first to report it.
    """
    missing = find_missing_columns(settings, column_names(rows))
    check_names(settings, missing, state="no candidate was created")
    data = settings.data
    return {
        "data": rows,
        "contract": contract,
        "target": data.target,
        "time": data.time,
        "expectations": settings.validation.model_dump(exclude_unset=True),
    }


def files_read_by_ingest(settings: Settings) -> tuple[Path, ...]:
    """The features file and the local sources.

    They are part of ingest's cache key: a source that changed must be compared with the pin again, not read from the
    cache.
    """
    files = [settings.root / settings.data.function.rpartition(":")[0]]
    for source in settings.data.sources.values():
        with suppress(SettingsError):  # ingest reports it with a better message
            files.append(local_path(resolve_uri(settings.root, source.uri)) or files[0])
    return tuple(files)
