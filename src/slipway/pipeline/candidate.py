"""The pipeline's result: a model with its parity check, holdout and scores, without a version or a champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.bundle.release_file import BuildRecord


@dataclass(frozen=True)
class StepReport:
    """One step of the run: the component, its wall time, whether its outputs are from the cache, and its version.

    Only a component of another repository has a version.
    """

    name: str
    seconds: float
    cached: bool
    version: str = ""


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
    components: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The repository, version and commit of each component that comes from another repository."""
    own_report: Path | None = None
    build: BuildRecord | None = None

    @property
    def report(self) -> Path:
        """The evaluation report: in the same folder as the metrics, unless this run has another one."""
        return self.own_report or self.metrics.with_name("report.html")
