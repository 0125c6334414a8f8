"""The pipeline, top to bottom: six components from the data pin to a candidate."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from slipway.errors import SettingsError, StoppedError
from slipway.pipeline.candidate import Candidate
from slipway.pipeline.flow import Done, Flow
from slipway.pipeline.signals import Stopped, held, raising
from slipway.pipeline.tracking.runs import USED_TAG, closing, log_scores, open_run
from slipway.pipeline.tracking.store import opened
from slipway.reporting.progress import SILENT, Say
from slipway.settings.settings import Settings, check_contract
from slipway.tables.source_uri import absolute, local_path


def run(
    settings: Settings,
    *,
    overrides: Sequence[str] = (),
    cache: bool = True,
    env_manager: str = "local",
    say: Say = SILENT,
) -> Candidate:
    """Make a candidate and change nothing else.

    Raises:
        ContractError: the committed contract is not the one that the settings describe.
        TrackingError: no MLflow answers.
        SlipwayError: what a component refused, with its own exit code; ComponentError when it broke.
        StoppedError: SIGINT, SIGTERM or SIGHUP came; the components ended too.
    """
    contract = check_contract(settings)
    with _running(settings, overrides, cache=cache, env_manager=env_manager, say=say) as (flow, client, run_id):
        candidate = replace(_steps(flow, settings, contract, run_id), overrides=tuple(overrides))
        log_scores(client, run_id, candidate.scores)
        return candidate


def examine(settings: Settings, *, validate: bool = True, say: Say = SILENT) -> Path:
    """The rows that the pin names, as ``data.parquet``: read and validated, with nothing trained.

    Raises:
        SlipwayError: as ``run`` does.
    """
    contract = check_contract(settings)
    with _running(settings, (), cache=True, env_manager="local", say=say) as (flow, _, _):
        rows = _ingested(flow, settings, contract)
        if validate:
            flow.step("validate", **_validation(settings, contract, rows))
        return rows


@contextmanager
def _running(
    settings: Settings, overrides: Sequence[str], *, cache: bool, env_manager: str, say: Say
) -> Iterator[tuple[Flow, Any, str]]:
    """A flow of steps, the MLflow client and the id of the run that they leave their records under."""
    _let_waiting_threads_sleep()
    with raising(), TemporaryDirectory(prefix="slipway-") as work:
        try:
            with say.running("opening the MLflow store"):
                client, experiment = opened(settings)
            with held():
                parent = open_run(client, experiment, settings.name, overrides)
            with closing(client, parent):
                flow = Flow(client, parent, Path(work), cache=cache, env_manager=env_manager, say=say)
                yield flow, client, parent.info.run_id
                client.set_tag(parent.info.run_id, USED_TAG, " ".join(flow.used))
        except Stopped as signal:
            raise StoppedError(f"stopped by {signal}; its components ended too, and nothing was changed") from None


def _let_waiting_threads_sleep() -> None:
    """Let scikit-learn's OpenMP threads sleep while they wait; it is read once, when scikit-learn is imported.

    Spinning, they hold up others several times longer where cores are shared, as evaluate and package share them.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _steps(flow: Flow, settings: Settings, contract: Path, run_id: str) -> Candidate:
    data, train, target = settings.data, settings.train, settings.data.target
    rows = _ingested(flow, settings, contract)
    _, split = flow.together(
        ("validate", _validation(settings, contract, rows)),
        ("split", {"data": rows, "target": target, "time": data.time, "by": settings.split.by,
                   "holdout_days": settings.split.holdout_days, "holdout_share": settings.split.holdout_share,
                   "key": ",".join(settings.split.key)}),
    )  # fmt: skip
    trained, holdout = split.files / "train.parquet", split.files / "holdout.parquet"
    fitted = flow.step(
        "train", train=trained, contract=contract, target=target, estimator=train.estimator,
        parameters=train.parameters, preprocess=train.preprocess, seed=train.seed,
    )  # fmt: skip
    model = fitted.files / "model.skops"
    evaluate, package = flow.together(
        ("evaluate", {"model": model, "holdout": holdout, "contract": contract, "target": target, "time": data.time,
                      "block": settings.gate.block or "row", "slices": list(settings.evaluate.slices),
                      "seed": train.seed}),
        ("package", {"model": model, "train": trained, "holdout": holdout, "contract": contract, "time": data.time,
                     "block": settings.gate.block or "row", "seed": train.seed}),
    )  # fmt: skip
    return _candidate(flow, settings, run_id, split, evaluate, package)


def _ingested(flow: Flow, settings: Settings, contract: Path) -> Path:
    flow.reads["ingest"] = _read_by_ingest(settings)
    return flow.step("ingest", contract=contract, **_pin(settings)).files / "data.parquet"


def _validation(settings: Settings, contract: Path, rows: Path) -> dict[str, Any]:
    data = settings.data
    return {"data": rows, "contract": contract, "target": data.target, "time": data.time,
            "expectations": settings.validation}  # fmt: skip


def _candidate(flow: Flow, settings: Settings, run_id: str, split: Done, evaluate: Done, package: Done) -> Candidate:
    pins = {name: source.sha256 for name, source in settings.data.sources.items()}
    through = settings.data.through
    return Candidate(
        run_id=run_id,
        model_uri=f"runs:/{package.run_id}/model",
        model=package.files / "model",
        train=split.files / "train.parquet",
        holdout=split.files / "holdout.parquet",
        metrics=evaluate.files / "metrics.json",
        split={k: v for k, v in json.loads((split.files / "split.json").read_text()).items() if k != "shares"},
        data={**pins, "through": through.isoformat() if through else ""},
        scores=evaluate.scores,
        steps=tuple(flow.reports),
    )


def _pin(settings: Settings) -> dict[str, Any]:
    """The pin as ingest takes it, with paths made absolute from where ``slipway.toml`` stands."""
    data = settings.data
    file, _, function = data.function.rpartition(":")
    return {
        "function": f"{settings.root / file}:{function}",
        "sources": {n: {"uri": absolute(settings.root, s.uri), "sha256": s.sha256} for n, s in data.sources.items()},
        "target": data.target,
        "time": data.time,
        "through": data.through.isoformat() if data.through else "",
    }


def _read_by_ingest(settings: Settings) -> tuple[Path, ...]:
    """The function's file and the local sources: a file that changed must meet the pin again, not the cache."""
    files = [settings.root / settings.data.function.rpartition(":")[0]]
    for source in settings.data.sources.values():
        with suppress(SettingsError):  # ingest says it better
            files.append(local_path(absolute(settings.root, source.uri)) or files[0])
    return tuple(files)
