"""What the settings say to ingest and validate, as the parameters of these components."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from slipway.errors import SettingsError
from slipway.settings.settings import Settings
from slipway.tables.source_uri import local_path, resolve_uri


def ingest_parameters(settings: Settings, contract: Path) -> dict[str, Any]:
    """The data pin as ingest takes it, with paths made absolute from where ``slipway.toml`` stands."""
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
    """The rows, and what is expected of them."""
    data = settings.data
    return {
        "data": rows,
        "contract": contract,
        "target": data.target,
        "time": data.time,
        "expectations": settings.validation,
    }


def files_read_by_ingest(settings: Settings) -> tuple[Path, ...]:
    """The function's file and the local sources: a file that changed must meet the pin again, not the cache."""
    files = [settings.root / settings.data.function.rpartition(":")[0]]
    for source in settings.data.sources.values():
        with suppress(SettingsError):  # ingest says it better
            files.append(local_path(resolve_uri(settings.root, source.uri)) or files[0])
    return tuple(files)
