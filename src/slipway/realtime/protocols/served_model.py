"""A bundle that a worker has loaded: its scorer and its request handler."""

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
    """One loaded release. Each request reads it once, so no response mixes two releases."""

    scorer: Scorer
    invocations: Invocations
    release: str
    digest: str


def load(folder: Path) -> ServedModel:
    """Verify and load a bundle, and check that it reproduces its golden predictions.

    Raises:
        SlipwayError: the bundle is incomplete or changed, cannot be loaded, or predicts something else.
    """
    from slipway.inference.scorer import load as load_scorer
    from slipway.realtime.protocols.mlflow.invocations import Invocations

    scorer = load_scorer(folder, expected_digest=digest_in_name(folder))
    scorer.check_golden()
    return ServedModel(scorer, Invocations(scorer), scorer.bundle.release.version, scorer.bundle.digest)
