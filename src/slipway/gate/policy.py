"""The gate's policy: what a release must reach, with every name and every bound in it checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slipway.contract.schema import Contract
from slipway.errors import SettingsError
from slipway.gate.rules import list_families, read_rules
from slipway.reporting.suggestions import did_you_mean
from slipway.settings.settings import Settings
from slipway.statistics.metrics import metrics_for, range_of

SliceThresholds = Mapping[str, Mapping[str, float]]
"""By slice column, then by metric."""


@dataclass(frozen=True)
class GatePolicy:
    """What a release must reach. Margins are absolute where higher is better, else shares of the rival's error."""

    target: str
    floors: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    slice_floors: SliceThresholds = field(default_factory=dict)
    slice_ceilings: SliceThresholds = field(default_factory=dict)
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
        """The floors and ceilings of slices, by the family of their rules."""
        return {"slice_floor": self.slice_floors, "slice_ceiling": self.slice_ceilings}

    @property
    def slice_columns(self) -> dict[str, tuple[str, ...]]:
        """The slice columns of each family of rules that judges slices."""
        bounded = {family: tuple(columns) for family, columns in self.slice_thresholds.items()}
        return {"slice": self.slices, "truth": self.slices, **bounded}


def covers(off: str, rule: str) -> bool:
    """Whether a name in ``gate.off`` is the rule's own, or that of a family it belongs to."""
    return rule == off or rule.startswith(f"{off}.")


def quote_part(name: str) -> str:
    """A column or a value as part of a rule's name: quoted as in TOML where a dot would make two parts of it."""
    return json.dumps(name, ensure_ascii=False) if "." in name else name


def check_policy(policy: GatePolicy, contract: Contract) -> None:
    """Does every name in the policy mean something for the contract's task, and can every bound be missed and met?

    Raises:
        SettingsError: one does not; the message says what was meant.
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
    """Every table of bounds with the name of its setting, and whether they are floors."""
    yield "floors", policy.floors, True
    yield "ceilings", policy.ceilings, False
    for family, columns in policy.slice_thresholds.items():
        for column, bounds in columns.items():
            yield f"{family}s.{quote_part(column)}", bounds, family == "slice_floor"


def _check_threshold(setting: str, metric: str, threshold: float, *, is_minimum: bool) -> None:
    """A bound that every model reaches guards nothing, though it looks as if it did; NaN is neither."""
    lowest, highest = range_of(metric)
    if not lowest <= threshold <= highest:
        raise SettingsError(f"{setting} is {threshold:g}, but {metric} is always between {lowest:g} and {highest:g}")
    if threshold == (lowest if is_minimum else highest):
        never = "below" if is_minimum else "above"
        raise SettingsError(
            f"{setting} is {threshold:g} and refuses nothing, since {metric} is never {never} it; leave it out"
        )


def _check_known(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        hint = did_you_mean(name, known, f"it is one of {', '.join(known)}")
        raise SettingsError(f"{what} '{name}'{hint}")


def policy_of(settings: Settings) -> GatePolicy:
    """The settings' gate with the data columns that it judges by.

    Raises:
        SettingsError: it names an unknown metric or rule, or sets a bound that refuses nothing.
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
