"""The flow of one run: each component in a process of its own, recorded as an MLflow run, or taken from the cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.pipeline import cache
from slipway.pipeline.candidate import Candidate, StepReport
from slipway.pipeline.child_process import Child, end, failure_of, log_in, run_alone, said_by, start
from slipway.pipeline.signals import held
from slipway.pipeline.tracking.runs import STEP_TAG, artifact_folder, log_scores
from slipway.reporting.progress import Say, took
from slipway.settings.settings import Settings

OUTPUTS_TAG = "slipway.outputs"


@dataclass(frozen=True)
class Done:
    """A finished step: its MLflow run, the local folder of its files, and its scores."""

    name: str
    run_id: str
    files: Path
    scores: dict[str, float]


@dataclass
class Flow:
    """One run of the pipeline: steps are started in order and leave their records under one parent run.

    Steps of ``parent`` (an MLflow run) are said one by one to ``say``; what they write passes through ``work``.
    ``reads`` are files that a component finds by itself: they belong to its key as its parameters do.
    """

    settings: Settings
    contract: Path
    client: Any
    parent: Any
    work: Path
    reads: Mapping[str, tuple[Path, ...]]
    use_cache: bool
    env_manager: str
    say: Say
    reports: list[StepReport] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    """The runs that the steps' files came from, whoever made them."""

    def step(self, name: str, **parameters: cache.Value) -> Done:
        """Run one component to its end."""
        return self.together((name, parameters))[0]

    def together(self, *steps: tuple[str, Mapping[str, cache.Value]]) -> list[Done]:
        """Run components that need nothing of each other side by side; when all are recorded, raise the first failure.

        Raises:
            SlipwayError: what a component refused; ComponentError when it broke, which names it and its log.
        """
        plans = [
            cache.plan_step(self.settings.root, name, parameters, self.reads.get(name, ()))
            for name, parameters in steps
        ]
        hits = {plan.name: hit for plan in plans if (hit := self._cached(plan))}
        missed = [plan for plan in plans if plan.name not in hits]
        if self.env_manager == "local":
            ran = self._forked(missed)
        else:
            ran = [self._recorded(plan, self._run_alone) for plan in missed]
        ended = hits | {plan.name: result for plan, result in zip(missed, ran, strict=True)}
        results = [ended[plan.name] for plan in plans]
        for failure in results:
            if isinstance(failure, Exception):
                raise failure
        return [result for result in results if isinstance(result, Done)]

    def candidate(self, *, split: Done, evaluate: Done, package: Done) -> Candidate:
        """What these steps made of the data pin."""
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
        )

    def _cached(self, plan: cache.StepPlan) -> Done | None:
        """The newest finished step with the same key, unless a byte of its files has changed since."""
        key = f"tags.`slipway.key` = '{plan.key}' and attributes.status = 'FINISHED'"
        found = self.client.search_runs([self.parent.info.experiment_id], key, max_results=1) if self.use_cache else []
        if not found:
            return None
        if why := self._damage(found[0]):
            self.say(f"{plan.name}: runs again, since {why}")
            return None
        return self._done(plan, found[0].info.run_id, cached=True)

    def _damage(self, run: Any) -> str:
        from mlflow.exceptions import MlflowException

        try:
            return cache.why_changed(self._files(run.info.run_id), run.data.tags.get(OUTPUTS_TAG, ""))
        except (MlflowException, OSError) as error:
            return f"the files of its run {run.info.run_id} cannot be read: {error}"

    def _forked(self, plans: Sequence[cache.StepPlan]) -> list[Done | Exception]:
        children: list[Child] = []
        try:
            for plan in plans:
                with held():
                    children.append(start(plan.folder, plan.arguments, self.work / plan.name))
            with self.say.running(", ".join(plan.name for plan in plans)):
                for child in children:
                    child.process.join()
        finally:
            end(children)
        return [self._recorded(plan, self._keep, child) for plan, child in zip(plans, children, strict=True)]

    def _recorded(self, plan: cache.StepPlan, finish: Callable[..., None], *more: Child) -> Done | Exception:
        """The step as a new MLflow run that ``finish`` fills in; an error makes it a failed one, and is handed back."""
        run = self._new_run(plan)
        try:
            finish(plan, run, *more)
        except Exception as error:
            self.client.set_terminated(run.info.run_id, "FAILED")
            return error
        self.client.set_terminated(run.info.run_id, "FINISHED")
        return self._done(plan, run.info.run_id, cached=False)

    def _keep(self, plan: cache.StepPlan, run: Any, child: Child) -> None:
        if failure := failure_of(child, _place(run, child.log.name)):
            self.client.log_artifact(run.info.run_id, str(child.log))
            raise failure
        if not said_by(child.log):
            child.log.unlink()
        self.client.log_artifacts(run.info.run_id, str(child.out))
        self._note(run.info.run_id, child.out)

    def _run_alone(self, plan: cache.StepPlan, run: Any) -> None:
        place = _place(run, f"{plan.name}.log")
        with self.say.running(plan.name):
            run_alone(self.client, plan.folder, plan.arguments, run.info.run_id, self.env_manager, place)
        self._note(run.info.run_id, self._files(run.info.run_id))

    def _note(self, run_id: str, files: Path) -> None:
        """The step's scores and the digests of its files, without which it is never taken from the cache."""
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
        }
        run = self.client.create_run(self.parent.info.experiment_id, int(plan.began * 1000), tags)
        for argument, text in plan.arguments.items() if self.env_manager == "local" else ():
            self.client.log_param(run.info.run_id, argument, text[:6000])
        return run

    def _done(self, plan: cache.StepPlan, run_id: str, *, cached: bool) -> Done:
        files = self._files(run_id)
        for line in said_by(log_in(files, plan.name)):
            self.say(f"{plan.name}: {line}")
        self.used.append(run_id)
        report = StepReport(plan.name, time.time() - plan.began, cached=cached)
        self.reports.append(report)
        self.say(took(report.name, report.seconds, cached=cached))
        return Done(plan.name, run_id, files, cache.scores_in(files))

    def _files(self, run_id: str) -> Path:
        import mlflow

        return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=""))


def _place(run: Any, name: str) -> str:
    """Where a person finds an artifact of a run: a path where the store is a folder."""
    folder = artifact_folder(run)
    return str(folder / name) if folder else f"runs:/{run.info.run_id}/{name}"
