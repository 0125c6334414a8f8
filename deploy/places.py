"""Where a project keeps what it made, without a look into it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.settings import STATE

if TYPE_CHECKING:
    from pipeline.settings import Settings


def bundles(settings: Settings) -> Path:
    """Where sealed bundles are kept, in folders named as in a target."""
    return settings.root / STATE / "bundles"
