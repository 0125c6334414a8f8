"""What the pipeline made: a model with its proof, holdout and scores. It knows no version and no champion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class StepReport:
    """One line of the run: the component, its wall time, and whether its outputs came from the cache."""

    name: str
    seconds: float
    cached: bool


@dataclass(frozen=True)
class Candidate:
    """Local paths and facts of one run; ``model`` is the unsealed MLflow model directory."""

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
        """The evaluation as a page, which lies beside the metrics."""
        return self.metrics.with_name("report.html")
