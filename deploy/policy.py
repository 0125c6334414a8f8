"""The gate's policy: what a release must reach, with every name in it checked."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.component.contract import Contract
from pipeline.component.metrics import metrics_for
from pipeline.errors import SettingsError

FAMILIES = ("floor", "ceiling", "scores", "holdout", "bundle", "proof", "comparable", "champion", "recent", "slice")


@dataclass(frozen=True)
class GatePolicy:
    """What a release must reach. Margins are absolute where higher is better, else shares of the rival's error."""

    target: str
    floors: dict[str, float] = field(default_factory=dict)
    ceilings: dict[str, float] = field(default_factory=dict)
    block: str = "row"
    time: str = ""
    slices: tuple[str, ...] = ()
    margin: float = 0.01
    slice_margin: float = 0.02
    minimum_holdout_rows: int = 100
    minimum_slice_rows: int = 500
    maximum_bundle_mb: float = 100
    incomparable: str = ""
    off: tuple[str, ...] = ()
    seed: int = 0


def check_names(policy: GatePolicy, contract: Contract) -> None:
    """Is every metric and every rule that the policy names one of the contract's task?

    Raises:
        SettingsError: it is not; the message says what was meant.
    """
    metrics = metrics_for(contract)
    for setting, names in (("floors", policy.floors), ("ceilings", policy.ceilings)):
        for name in names:
            _check_known(f"gate.{setting}: unknown metric", name, metrics)
    rules = ["holdout.rows", "bundle.size", *FAMILIES, *(f"slice.{column}" for column in policy.slices)]
    rules += [f"{kind}.{name}" for kind in ("floor", "ceiling", "champion", "recent") for name in metrics]
    for name in policy.off:
        if not any(name.startswith(f"slice.{column}.") for column in policy.slices):
            _check_known("gate.off: unknown rule", name, rules)


def _check_known(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        meant = f"did you mean '{close[0]}'?" if close else f"it is one of {', '.join(known)}"
        raise SettingsError(f"{what} '{name}'; {meant}")
