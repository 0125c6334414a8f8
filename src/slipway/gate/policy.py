"""The gate's policy: the thresholds a release must meet, with every name and every threshold checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slipway.contract.metrics import metrics_for, range_of
from slipway.contract.schema import Contract
from slipway.errors import SettingsError
from slipway.gate.rules import list_families, read_rules
from slipway.reporting.suggestions import did_you_mean
from slipway.settings.settings import Settings

SliceThresholds = Mapping[str, Mapping[str, float]]
"""By slice column, then by metric."""

# The rules `floor`, `ceiling`, `slice_floor` and `slice_ceiling` keep these names although their settings are now called
# minimum and maximum: sealed bundles carry them in their verdicts, and `gate.off` lists of released projects name them.
_SLICE_SETTINGS = {"slice_floor": "slice_minimum", "slice_ceiling": "slice_maximum"}


@dataclass(frozen=True)
class GatePolicy:
    """What a release must reach. Margins are absolute where higher is better, else a share of the baseline's error."""

    target: str
    minimum: Mapping[str, float] = field(default_factory=dict)
    maximum: Mapping[str, float] = field(default_factory=dict)
    slice_minimum: SliceThresholds = field(default_factory=dict)
    slice_maximum: SliceThresholds = field(default_factory=dict)
    block: str = "row"
    time: str = ""
    slices: tuple[str, ...] = ()
    margin: float = 0.01
    slice_margin: float = 0.02
    minimum_holdout_rows: int = 100
    minimum_slice_rows: int = 500
    maximum_calibration_error: float = 0.1
    maximum_bundle_mb: float = 100
    incomparable: str = ""
    off: tuple[str, ...] = ()
    seed: int = 0

    @property
    def slice_thresholds(self) -> dict[str, SliceThresholds]:
        """The minimum and maximum scores of slices, by rule family."""
        return {"slice_floor": self.slice_minimum, "slice_ceiling": self.slice_maximum}

    @property
    def slice_columns(self) -> dict[str, tuple[str, ...]]:
        """The slice columns of each rule family that evaluates slices."""
        bounded = {family: tuple(columns) for family, columns in self.slice_thresholds.items()}
        return {"slice": self.slices, "truth": self.slices, **bounded}


def covers(off: str, rule: str) -> bool:
    """Whether a name in ``gate.off`` is the rule's own name or the name of a family that it belongs to."""
    return rule == off or rule.startswith(f"{off}.")


def quote_part(name: str) -> str:
    """Return a column or value as one part of a rule's name, quoted as in TOML if a dot would split it in two."""
    return json.dumps(name, ensure_ascii=False) if "." in name else name


def check_policy(policy: GatePolicy, contract: Contract) -> None:
    """Check that every name in the policy exists for the contract's task, and that every threshold can be met and missed.

    Raises:
        SettingsError: a name is unknown (the message suggests the nearest one), or a threshold refuses nothing.
    """
    metrics = metrics_for(contract)
    for setting, bounds, below in _threshold_tables(policy):
        for name, bound in bounds.items():
            _check_known(f"gate.{setting}: unknown metric", name, metrics)
            _check_threshold(f"gate.{setting}.{name}", name, bound, is_minimum=below)
    sliced = [
        f"{family}.{quote_part(column)}" for family, columns in policy.slice_columns.items() for column in columns
    ]
    rules = [*dict.fromkeys([*list_families(), *(explained.family for explained in read_rules())]), *sliced]
    rules += [f"holdout.nulls.{quote_part(column.name)}" for column in contract.inputs]
    rules += [f"{kind}.{name}" for kind in ("floor", "ceiling", "champion", "recent") for name in metrics]
    for name in policy.off:
        if not any(covers(column, name) for column in sliced):
            _check_known("gate.off: unknown rule", name, rules)


def _threshold_tables(policy: GatePolicy) -> Iterator[tuple[str, Mapping[str, float], bool]]:
    """Yield every table of thresholds with the name of its setting and whether they are minimum values."""
    yield "minimum", policy.minimum, True
    yield "maximum", policy.maximum, False
    for family, columns in policy.slice_thresholds.items():
        for column, bounds in columns.items():
            yield f"{_SLICE_SETTINGS[family]}.{quote_part(column)}", bounds, family == "slice_floor"


def _check_threshold(setting: str, metric: str, threshold: float, *, is_minimum: bool) -> None:
    """Refuse a threshold outside the metric's range, NaN, and one that every model meets.

    A threshold that every model meets looks like protection but refuses nothing.
    """
    lowest, highest = range_of(metric)
    if not lowest <= threshold <= highest:
        raise SettingsError(f"{setting} is {threshold:g}, but {metric} is always between {lowest:g} and {highest:g}")
    if threshold == (lowest if is_minimum else highest):
        never = "below" if is_minimum else "above"
        raise SettingsError(
            f"{setting} is {threshold:g} and refuses nothing, because {metric} is never {never} it; remove it"
        )


def _check_known(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        hint = did_you_mean(name, known, f"choose one of {', '.join(known)}")
        raise SettingsError(f"{what} '{name}'{hint}")


def policy_of(settings: Settings) -> GatePolicy:
    """Return the settings' gate section with the target and time columns that it needs.

    Raises:
        SettingsError: it names an unknown metric or rule, or sets a threshold that refuses nothing.
    """
    data, gate = settings.data, settings.gate
    policy = GatePolicy(
        target=data.target,
        time=data.time,
        seed=settings.train.seed,
        **{**gate.model_dump(), "block": gate.block or "row"},
    )
    check_policy(policy, settings.contract)
    return policy
