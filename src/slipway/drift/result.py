"""What was found, as `slipway drift --json` tells it and as the report and the issue show it."""

from __future__ import annotations

import msgspec


class Bin(msgspec.Struct, frozen=True):
    """A bin of a column, with the share of the rows that are in it, in the reference and now."""

    name: str
    before: float
    now: float


class ColumnDrift(msgspec.Struct, frozen=True):
    """One column in one window. ``chance`` is how often chance alone would move any column as far as this one."""

    column: str
    prediction: bool
    stability_index: float
    total_variation: float
    transport: float | None
    chance: float
    drifted: bool
    nulls_before: float
    nulls: float
    strangers: float
    bins: tuple[Bin, ...]


class Window(msgspec.Struct, frozen=True):
    """Some of the rows, from one day to another, with what was found in them; or why nothing could be said."""

    since: str
    until: str
    rows: int
    blocks: int
    findings: tuple[ColumnDrift, ...] = ()
    unjudged: str = ""

    @property
    def drifted_columns(self) -> list[str]:
        """The columns that drifted, the furthest first."""
        found = sorted(self.findings, key=lambda finding: -finding.stability_index)
        return [finding.column for finding in found if finding.drifted]


class ThresholdResult(msgspec.Struct, frozen=True):
    """A bar of the gate, held against the truth that has arrived; ``broken`` where the whole 95 % interval misses it."""

    rule: str
    required: float
    value: float
    low: float
    high: float
    broken: bool


class LiveMetrics(msgspec.Struct, frozen=True):
    """How the model does on the rows whose truth is known."""

    rows: int
    bounds: tuple[ThresholdResult, ...]


class Drift(msgspec.Struct, frozen=True):
    """The whole answer; windows stand with the newest one first, and there is one where none were asked for."""

    drifted: bool
    model: str
    release: str
    reference: str
    reference_rows: int
    current: str
    rows: int
    broken_rows: int
    since: str
    until: str
    block: str
    false_alarm_rate: float
    minimum_effect: float
    rule: str
    windows: tuple[Window, ...]
    absent: tuple[str, ...]
    live: LiveMetrics | None = None

    @property
    def newest_window(self) -> Window:
        """The newest window."""
        return self.windows[0]


def encode_drift(drift: Drift) -> bytes:
    """The answer as ``drift.json``."""
    return msgspec.json.format(msgspec.json.encode(drift), indent=1) + b"\n"


def decode_drift(text: bytes) -> Drift:
    """Read it again."""
    return msgspec.json.decode(text, type=Drift)
