"""What the gate would say now, though nothing is sealed, registered or moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.bundle.verdict import Verdict, prose
from slipway.commands.baselines import Opponents
from slipway.gate.judge import judge
from slipway.gate.policy import policy_of
from slipway.pipeline import run as pipeline
from slipway.pipeline.candidate import Candidate
from slipway.reporting.progress import Say
from slipway.settings.settings import Settings


@dataclass(frozen=True)
class Judged:
    """A candidate, the verdict on it beside the champion (a version, or None), and the verdict in words."""

    candidate: Candidate
    verdict: Verdict
    champion: str | None
    said: str


def train_and_judge(
    settings: Settings,
    called: str,
    opponents: Opponents,
    *,
    overrides: Sequence[str] = (),
    cache: bool = True,
    say: Say,
) -> Judged:
    """Train, or take from the cache, and judge as `ship` would.

    Args:
        called: what to call the candidate in words, such as its version.

    Raises:
        SlipwayError: whatever stopped it.
    """
    policy, (champion, recent) = policy_of(settings), opponents
    candidate = pipeline.run(settings, overrides=overrides, cache=cache, say=say)
    with say.timed("gate"):
        verdict = judge(candidate, champion, recent, policy)
    name = champion.release.version if champion else None
    return Judged(candidate, verdict, name, prose(verdict, called, name))
