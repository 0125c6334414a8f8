"""The result of drift detection. `slipway drift --json` prints it, and the report and the issue show it.

The field names are those of ``drift.json``, which other programs read.
"""

from __future__ import annotations

import msgspec


class Bin(msgspec.Struct, frozen=True):
    """A bin of a column, with its share of the rows in the reference and now."""

    name: str
    before: float
    now: float


class ColumnDrift(msgspec.Struct, frozen=True):
    """One column in one window.

    ``chance`` is the adjusted p-value: how often chance alone would shift any column this far. ``transport`` is the
    Wasserstein distance in standard deviations, and ``strangers`` the share of unseen values.
    """

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
    """The rows of a range of days with the result for each column, or in ``unjudged`` why there is no result."""

    since: str
    until: str
    rows: int
    blocks: int
    findings: tuple[ColumnDrift, ...] = ()
    unjudged: str = ""

    @property
    def drifted_columns(self) -> list[str]:
        """The columns that drifted, the largest shift first."""
        found = sorted(self.findings, key=lambda finding: -finding.stability_index)
        return [finding.column for finding in found if finding.drifted]


class ThresholdResult(msgspec.Struct, frozen=True):
    """A threshold of the gate with the live metric; ``broken`` if the complete 95 % interval violates it."""

    rule: str
    required: float
    value: float
    low: float
    high: float
    broken: bool


class LiveMetrics(msgspec.Struct, frozen=True):
    """The live metrics of the rows with labels."""

    rows: int
    bounds: tuple[ThresholdResult, ...]


class Drift(msgspec.Struct, frozen=True):
    """The complete result. ``windows`` has the newest window first, or a single one if no windows were requested."""

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
    """Encode the result as ``drift.json``."""
    return msgspec.json.format(msgspec.json.encode(drift), indent=1) + b"\n"


def decode_drift(text: bytes) -> Drift:
    """Decode ``drift.json``."""
    return msgspec.json.decode(text, type=Drift)
