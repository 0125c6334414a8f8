"""A bundle as one worker serves it: its scorer and what answers its routes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.bundle.release_file import digest_in_name

if TYPE_CHECKING:
    from slipway.inference.scorer import Scorer
    from slipway.realtime.protocols.mlflow.invocations import Invocations


@dataclass(frozen=True, slots=True)
class ServedModel:
    """All that one answer is made from. A request takes it once, so no answer mixes two releases."""

    scorer: Scorer
    invocations: Invocations
    release: str
    digest: str


def load(folder: Path) -> ServedModel:
    """A bundle that was verified and has given its golden predictions.

    Raises:
        SlipwayError: it is not whole, cannot be loaded, or answers differently.
    """
    from slipway.inference.scorer import load as load_scorer
    from slipway.realtime.protocols.mlflow.invocations import Invocations

    scorer = load_scorer(folder, expected_digest=digest_in_name(folder))
    scorer.check_golden()
    return ServedModel(scorer, Invocations(scorer), scorer.bundle.release.version, scorer.bundle.digest)
