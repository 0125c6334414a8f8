"""Run the steps of one pipeline run: each in its own process, recorded as an MLflow run, or taken from the cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.pipeline import cache
from slipway.pipeline.build_record import build_record
from slipway.pipeline.candidate import Candidate, StepReport
from slipway.pipeline.child_process import (
    ChildProcess,
    failure_of,
    kill_children,
    log_lines,
    log_path,
    run_in_environment,
    start_component,
)
from slipway.pipeline.component_repository import Components
from slipway.pipeline.signals import defer_signals
from slipway.pipeline.tracking.runs import STEP_TAG, artifact_folder, log_scores
from slipway.reporting.html_page import append_table
from slipway.reporting.progress import Progress, duration_line
from slipway.settings.settings import Settings

__all__ = ["Flow", "StepResult"]

OUTPUTS_TAG = "slipway.outputs"
COMPONENTS_TITLE = "Components of another repository"
COMPONENTS_HEAD = ("Component", "Repository", "Version", "Commit")


@dataclass(frozen=True)
class StepResult:
    """A finished step: its MLflow run, the local folder of its files, and its scores."""

    name: str
    run_id: str
    files: Path
    scores: dict[str, float]


@dataclass
class Flow:
    """One run of the pipeline: starts steps in order and records them under one parent run.

    ``parent`` is an MLflow run. ``say`` gets a line for each finished step. Components write to ``work_folder``, from
    where their files are logged. ``extra_files`` are files that a component reads without getting them as parameters;
    they are part of its cache key too.
    """

    settings: Settings
    contract: Path
    client: Any
    parent: Any
    work_folder: Path
    extra_files: Mapping[str, tuple[Path, ...]]
    use_cache: bool
    env_manager: str
    say: Progress
    components: Components
    reports: list[StepReport] = field(default_factory=list)
    used_run_ids: list[str] = field(default_factory=list)
    """The runs that hold the steps' files; cached steps are runs of earlier pipelines."""
    versions: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """The version of each component that comes from another repository."""
    folders: dict[str, Path] = field(default_factory=dict)
    """The files of each step that has ended, by its name."""

    def step(self, name: str, **parameters: cache.Value) -> StepResult:
        """Run one component and wait for it."""
        return self.run_in_parallel((name, parameters))[0]

    def run_in_parallel(self, *steps: tuple[str, Mapping[str, cache.Value]]) -> list[StepResult]:
        """Run independent components in parallel; once all are recorded, raise the first failure.

        Raises:
            SlipwayError: a component's own refusal; ComponentError, which names it and its log, if it crashed.
        """
        plans = [
            cache.plan_step(self.components.find(name), parameters, self.extra_files.get(name, ()))
            for name, parameters in steps
        ]
        hits = {plan.name: hit for plan in plans if (hit := self._cache_hit(plan))}
        missed = [plan for plan in plans if plan.name not in hits]
        if self.env_manager == "local":
            ran = self._run_children(missed)
        else:
            ran = [self._record_step(plan, self._run_in_environment) for plan in missed]
        ended = hits | {plan.name: result for plan, result in zip(missed, ran, strict=True)}
        results = [ended[plan.name] for plan in plans]
        for failure in results:
            if isinstance(failure, Exception):
                raise failure
        return [result for result in results if isinstance(result, StepResult)]

    def candidate(self, *, split: StepResult, evaluate: StepResult, package: StepResult) -> Candidate:
        """Build the candidate from the results of these steps."""
        data = self.settings.data
        pins = {name: source.sha256 for name, source in data.sources.items()}
        return Candidate(
            run_id=self.parent.info.run_id,
            model_uri=f"runs:/{package.run_id}/model",
            model=package.files / "model",
            train=split.files / "train.parquet",
            holdout=split.files / "holdout.parquet",
            metrics=evaluate.files / "metrics.json",
            split={k: v for k, v in json.loads((split.files / "split.json").read_text()).items() if k != "shares"},
            data={**pins, "through": data.through.isoformat() if data.through else ""},
            scores=evaluate.scores,
            steps=tuple(self.reports),
            components=dict(self.versions),
            own_report=self._record_versions(evaluate.files / "report.html") if self.versions else None,
            build=build_record(self.settings.root, self.settings.source.text, self.folders),
        )

    def _record_versions(self, evaluation: Path) -> Path | None:
        """Tag the run with the versions of its components, and log the evaluation's report with a table of them.

        The component itself cannot know them: its report may come from the cache.
        """
        for name, version in self.versions.items():
            self.client.set_tag(self.parent.info.run_id, f"slipway.components.{name}", " ".join(version.values()))
        if not evaluation.is_file():
            return None
        rows = [(name, *version.values()) for name, version in sorted(self.versions.items())]
        page = append_table(evaluation.read_text(encoding="utf-8"), COMPONENTS_TITLE, COMPONENTS_HEAD, rows)
        self.client.log_text(self.parent.info.run_id, page, evaluation.name)
        return self._files(self.parent.info.run_id) / evaluation.name

    def _cache_hit(self, plan: cache.StepPlan) -> StepResult | None:
        """The newest finished step with the same key; None if there is none or its files have changed."""
        key = f"tags.`slipway.key` = '{plan.key}' and attributes.status = 'FINISHED'"
        # MLflow returns the newest run first.
        found = self.client.search_runs([self.parent.info.experiment_id], key, max_results=1) if self.use_cache else []
        if not found:
            return None
        if why := self._describe_damage(found[0]):
            self.say(f"{plan.name}: running again, because {why}")
            return None
        return self._finish_step(plan, found[0].info.run_id, cached=True)

    def _describe_damage(self, run: Any) -> str:
        from mlflow.exceptions import MlflowException

        try:
            return cache.describe_change(self._files(run.info.run_id), run.data.tags.get(OUTPUTS_TAG, ""))
        except (MlflowException, OSError) as error:
            return f"the files of its run {run.info.run_id} cannot be read: {error}"

    def _run_children(self, plans: Sequence[cache.StepPlan]) -> list[StepResult | Exception]:
        children: list[ChildProcess] = []
        try:
            for plan in plans:
                # A signal between the fork and the append would leave a child that nobody kills.
                with defer_signals():
                    out, component = self.work_folder / plan.name, plan.component
                    children.append(start_component(component.folder, plan.arguments, out, component.imports))
            with self.say.heartbeat(", ".join(plan.name for plan in plans)):
                for child in children:
                    child.process.join()
        finally:
            kill_children(children)
        return [
            self._record_step(plan, self._store_outputs, child) for plan, child in zip(plans, children, strict=True)
        ]

    def _record_step(
        self, plan: cache.StepPlan, finish: Callable[..., None], *children: ChildProcess
    ) -> StepResult | Exception:
        """Record the step as a new MLflow run, which ``finish`` fills in.

        An error marks the run as failed and is returned, so that the steps beside it are recorded before it is raised.
        """
        run = self._new_run(plan)
        try:
            finish(plan, run, *children)
        except Exception as error:
            self.client.set_terminated(run.info.run_id, "FAILED")
            return error
        self.client.set_terminated(run.info.run_id, "FINISHED")
        return self._finish_step(plan, run.info.run_id, cached=False)

    def _store_outputs(self, plan: cache.StepPlan, run: Any, child: ChildProcess) -> None:
        if failure := failure_of(child, _artifact_location(run, child.log.name)):
            self.client.log_artifact(run.info.run_id, str(child.log))
            raise failure
        if not log_lines(child.log):
            child.log.unlink()
        self.client.log_artifacts(run.info.run_id, str(child.out))
        self._log_outputs(run.info.run_id, child.out)

    def _run_in_environment(self, plan: cache.StepPlan, run: Any) -> None:
        log = _artifact_location(run, f"{plan.name}.log")
        with self.say.heartbeat(plan.name):
            run_in_environment(
                self.client, plan.component.folder, plan.arguments, run.info.run_id, self.env_manager, log
            )
        self._log_outputs(run.info.run_id, self._files(run.info.run_id))

    def _log_outputs(self, run_id: str, files: Path) -> None:
        """Log the step's scores and the digests of its files; a run without digests is never used as cache."""
        log_scores(self.client, run_id, cache.scores_in(files))
        outputs = cache.outputs_of(files)
        self.client.log_text(run_id, outputs, cache.OUTPUTS_FILE)
        self.client.set_tag(run_id, OUTPUTS_TAG, cache.outputs_digest(outputs))

    def _new_run(self, plan: cache.StepPlan) -> Any:
        tags = {
            "mlflow.parentRunId": self.parent.info.run_id,
            "mlflow.runName": plan.name,
            STEP_TAG: plan.name,
            "slipway.key": plan.key,
            **{f"slipway.component.{name}": value for name, value in plan.component.version.items()},
        }
        run = self.client.create_run(self.parent.info.experiment_id, int(plan.start_time * 1000), tags)
        # In another environment `mlflow run` logs the parameters itself; MLflow limits a value to 6,000 characters.
        for argument, text in plan.arguments.items() if self.env_manager == "local" else ():
            self.client.log_param(run.info.run_id, argument, text[:6000])
        return run

    def _finish_step(self, plan: cache.StepPlan, run_id: str, *, cached: bool) -> StepResult:
        files = self._files(run_id)
        for line in log_lines(log_path(files, plan.name)):
            self.say(f"{plan.name}: {line}")
        self.used_run_ids.append(run_id)
        version = plan.component.version
        if version:
            self.versions[plan.name] = version
        report = StepReport(plan.name, time.time() - plan.start_time, cached, version.get("version", ""))
        self.folders[plan.name] = files
        self.reports.append(report)
        self.say(duration_line(f"{report.name} {report.version}".strip(), report.seconds, cached=cached))
        return StepResult(plan.name, run_id, files, cache.scores_in(files))

    def _files(self, run_id: str) -> Path:
        import mlflow

        return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=""))


def _artifact_location(run: Any, name: str) -> str:
    """Where a person finds an artifact of a run: a path if the store is a folder, else an MLflow URI."""
    folder = artifact_folder(run)
    return str(folder / name) if folder else f"runs:/{run.info.run_id}/{name}"
