"""The gate's policy: the thresholds a release must meet, with every name and every threshold checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from slipway.contract.metrics import metrics_for
from slipway.contract.schema import Contract
from slipway.errors import SettingsError
from slipway.gate.rules import list_families, read_rules
from slipway.reporting.suggestions import did_you_mean
from slipway.settings.diagnostics import quote_part
from slipway.settings.names import Problem, SliceThresholds, find_threshold_errors
from slipway.settings.settings import Settings, check_names


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
        # The rules `floor`, `ceiling`, `slice_floor` and `slice_ceiling` keep these names although their settings are
        # now called minimum and maximum: verdicts in sealed bundles and `gate.off` of released projects contain them.
        return {"slice_floor": self.slice_minimum, "slice_ceiling": self.slice_maximum}

    @property
    def slice_columns(self) -> dict[str, tuple[str, ...]]:
        """The slice columns of each rule family that evaluates slices."""
        bounded = {family: tuple(columns) for family, columns in self.slice_thresholds.items()}
        return {"slice": self.slices, "truth": self.slices, **bounded}


def covers(off: str, rule: str) -> bool:
    """Whether a name in ``gate.off`` is the rule's own name or the name of a family that it belongs to."""
    return rule == off or rule.startswith(f"{off}.")


def check_policy(policy: GatePolicy, contract: Contract) -> None:
    """Check that every name in the policy exists for the contract's task, and that every threshold can be met and missed.

    Raises:
        SettingsError: a name is unknown (the message suggests the nearest one), or a threshold refuses nothing.
    """
    if sentences := [sentence for _, sentence in _find_problems(policy, contract)]:
        raise SettingsError("\n".join(sentences))


def _find_problems(policy: GatePolicy, contract: Contract) -> Iterator[Problem]:
    yield from find_threshold_errors(policy, contract)
    yield from _find_unknown_rules(policy, contract)


def _find_unknown_rules(policy: GatePolicy, contract: Contract) -> Iterator[Problem]:
    """Yield each name in ``gate.off`` that is not a rule or a family of rules."""
    metrics = metrics_for(contract)
    sliced = [
        f"{family}.{quote_part(column)}" for family, columns in policy.slice_columns.items() for column in columns
    ]
    rules = [*dict.fromkeys([*list_families(), *(explained.family for explained in read_rules())]), *sliced]
    rules += [f"holdout.nulls.{quote_part(column.name)}" for column in contract.inputs]
    rules += [f"{kind}.{name}" for kind in ("floor", "ceiling", "champion", "recent") for name in metrics]
    for name in policy.off:
        if name not in rules and not any(covers(column, name) for column in sliced):
            hint = did_you_mean(name, rules, f"choose one of {', '.join(rules)}")
            yield ("gate", "off"), f"gate.off: unknown rule '{name}'{hint}"


def policy_of(settings: Settings) -> GatePolicy:
    """Return the settings' gate section with the target and time columns that it needs.

    Raises:
        SettingsError: it names an unknown metric or rule, or sets a threshold that refuses nothing; with the line.
    """
    data, gate = settings.data, settings.gate
    policy = GatePolicy(
        target=data.target,
        time=data.time,
        seed=settings.train.seed,
        **{**gate.model_dump(), "block": gate.block or "row"},
    )
    check_names(settings, _find_problems(policy, settings.contract))
    return policy
