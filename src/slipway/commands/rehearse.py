"""What the gate would say now of a candidate beside those whom it must beat; nothing is sealed, registered or moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from slipway.bundle.release_file import Bundle
from slipway.bundle.verdict import Verdict, prose
from slipway.gate.judge import judge
from slipway.gate.policy import policy_of
from slipway.pipeline import run as pipeline
from slipway.pipeline.candidate import Candidate
from slipway.reporting.progress import Say
from slipway.settings.settings import Settings
from slipway.target.target import RECENT, recent_champions, target_of

Opponents = tuple[Bundle | None, Sequence[Bundle]]
"""The champion, and the last ones before it."""


@dataclass(frozen=True)
class Judged:
    """A candidate, the verdict on it beside the champion (a version, or None), and the verdict in words."""

    candidate: Candidate
    verdict: Verdict
    champion: str | None
    said: str


@contextmanager
def opponents_of(settings: Settings, *, github: bool = False, repository: str | None = None) -> Iterator[Opponents]:
    """Those of the local target, or those that GitHub has, which are here for as long as the block lasts.

    Args:
        repository: GitHub's ``owner/name``, by default that of the checkout.

    Raises:
        BundleError: the bytes of one are not the sealed ones.
        GitHubError: they could not be downloaded.
    """
    if not github:
        target = target_of(settings)
        yield target.champion(), recent_champions(target)
        return
    from slipway.github.client import connect
    from slipway.github.download import opponents

    with TemporaryDirectory(prefix="slipway-opponents-") as folder:
        yield opponents(connect(repository), Path(folder), RECENT)


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
