"""The pipeline's result: a model with its parity check, holdout and scores, without a version or a champion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class StepReport:
    """One step of the run: the component, its wall time, and whether its outputs are from the cache."""

    name: str
    seconds: float
    cached: bool


@dataclass(frozen=True)
class Candidate:
    """Local paths, digests and scores of one run; ``model`` is the unsealed MLflow model directory."""

    run_id: str
    model_uri: str
    model: Path
    train: Path
    holdout: Path
    metrics: Path
    split: dict[str, Any]
    data: dict[str, str]
    scores: dict[str, float]
    steps: tuple[StepReport, ...] = ()
    overrides: tuple[str, ...] = ()

    @property
    def report(self) -> Path:
        """The evaluation report, in the same folder as the metrics."""
        return self.metrics.with_name("report.html")
