"""What the gate would say now, though nothing is sealed, registered or moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.bundle import Bundle
from deploy.gate import judge
from deploy.opponents import recent_champions
from deploy.ship import policy_of
from deploy.target import target_of
from deploy.verdict import Verdict, prose
from deploy.version import version_of
from pipeline import steps
from pipeline.candidate import Candidate
from pipeline.progress import Say
from pipeline.settings import Settings


@dataclass(frozen=True)
class Rehearsed:
    """The verdict on the checkout's candidate beside the champion (a version, or None), and the verdict in words."""

    release: str
    verdict: Verdict
    champion: str | None
    candidate: Candidate
    said: str


def rehearse(
    settings: Settings,
    *,
    overrides: Sequence[str] = (),
    opponents: tuple[Bundle | None, Sequence[Bundle]] | None = None,
    say: Say,
) -> Rehearsed:
    """Train (or take from the cache), and judge as `ship` would.

    Args:
        opponents: champion and recent releases from elsewhere; by default those of the target.

    Raises:
        SlipwayError: whatever stopped it.
    """
    policy = policy_of(settings)
    version = version_of(settings.root, overridden=bool(overrides))
    candidate = steps.run(settings, overrides=overrides, say=say)
    if opponents is None:
        target = target_of(settings)
        opponents = target.champion(), recent_champions(target)
    champion, recent = opponents
    with say.timed("gate"):
        verdict = judge(candidate, champion, recent, policy)
    name = champion.release.version if champion else None
    return Rehearsed(version.text, verdict, name, candidate, prose(verdict, version.text, name))
