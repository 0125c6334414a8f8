"""Train a candidate and get the gate's verdict on it; nothing is sealed, registered or rolled out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from slipway.bundle.release_file import Bundle
from slipway.bundle.verdict import Verdict, verdict_sentence
from slipway.gate.judge import judge
from slipway.gate.policy import policy_of
from slipway.pipeline import run as pipeline
from slipway.pipeline.candidate import Candidate
from slipway.reporting.progress import Progress
from slipway.settings.settings import Settings
from slipway.target.target import RECENT_CHAMPIONS, recent_champions, target_of

Baselines = tuple[Bundle | None, Sequence[Bundle]]
"""The champion, and the champions before it."""


@dataclass(frozen=True)
class Rehearsal:
    """A candidate, the verdict on it, the version of the champion (if there is one), and the verdict as a sentence."""

    candidate: Candidate
    verdict: Verdict
    champion: str | None
    verdict_text: str


@contextmanager
def open_baselines(settings: Settings, *, github: bool = False, repository: str | None = None) -> Iterator[Baselines]:
    """Open the bundles that a candidate is compared with; those of GitHub are downloaded until the block ends.

    Args:
        github: use GitHub's releases instead of the local target.
        repository: GitHub's ``owner/name``; by default the checkout's.

    Raises:
        BundleError: a bundle's files are not the sealed ones.
        GitHubError: a bundle could not be downloaded.
    """
    if not github:
        target = target_of(settings)
        yield target.champion(), recent_champions(target)
        return
    from slipway.github.client import connect
    from slipway.github.download import fetch_baselines

    with TemporaryDirectory(prefix="slipway-baselines-") as folder:
        yield fetch_baselines(connect(repository), Path(folder), RECENT_CHAMPIONS)


def train_and_judge(
    settings: Settings,
    display_name: str,
    baselines: Baselines,
    *,
    overrides: Sequence[str] = (),
    cache: bool = True,
    progress: Progress,
) -> Rehearsal:
    """Train (or reuse the cache) and evaluate the candidate as `ship` would.

    Args:
        display_name: what to call the candidate in sentences, such as its version.

    Raises:
        SlipwayError: training or evaluation failed.
    """
    policy, (champion, recent) = policy_of(settings), baselines
    candidate = pipeline.run(settings, overrides=overrides, cache=cache, say=progress)
    with progress.step_timer("gate"):
        verdict = judge(candidate, champion, recent, policy)
    name = champion.release.version if champion else None
    return Rehearsal(candidate, verdict, name, verdict_sentence(verdict, display_name, name))
