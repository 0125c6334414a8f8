"""What the gate would say now, though nothing is sealed, registered or moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.gate import judge
from deploy.opponents import Opponents
from deploy.ship import policy_of
from deploy.verdict import Verdict, prose
from pipeline import steps
from pipeline.candidate import Candidate
from pipeline.progress import Say
from pipeline.settings import Settings


@dataclass(frozen=True)
class Judged:
    """A candidate, the verdict on it beside the champion (a version, or None), and the verdict in words."""

    candidate: Candidate
    verdict: Verdict
    champion: str | None
    said: str


def rehearse(
    settings: Settings, called: str, opponents: Opponents, *, overrides: Sequence[str] = (), say: Say
) -> Judged:
    """Train, or take from the cache, and judge as `ship` would; ``called`` is what to call it in words.

    Raises:
        SlipwayError: whatever stopped it.
    """
    policy, (champion, recent) = policy_of(settings), opponents
    candidate = steps.run(settings, overrides=overrides, say=say)
    with say.timed("gate"):
        verdict = judge(candidate, champion, recent, policy)
    name = champion.release.version if champion else None
    return Judged(candidate, verdict, name, prose(verdict, called, name))
