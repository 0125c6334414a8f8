"""Score a dataset into a folder, top to bottom: plan, resume after the finished parts, check, publish."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.batch.engine import Engine, EngineRun, ProgressCallback, local_engine
from slipway.batch.output import location
from slipway.batch.output.checkpoint import Checkpoint, PartRecord
from slipway.batch.output.manifest import encode_manifest, manifest_of
from slipway.batch.output.part_writer import QUARANTINE_FOLDER, first_rows
from slipway.batch.plan import Options, Plan, check_inputs, plan_dataset
from slipway.batch.policy import Policy, find_anomalies, shifted_predictions
from slipway.bundle.release_file import Bundle
from slipway.errors import ContractError, DataError, SuspiciousPredictionsError
from slipway.inference.bundle_reference import reference_in
from slipway.inference.scorer import Scorer, load
from slipway.storage import atomic
from slipway.tables.dataset_manifest import MANIFEST_FILE, read_manifest


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The manifest of the dataset, and the state: ``scored``, or ``unchanged`` if the dataset already existed."""

    state: str
    manifest: dict[str, Any]


@dataclass(frozen=True)
class BatchRequest:
    """What to score, where to, and how to report on it: ``report`` takes messages, ``progress`` takes row counts."""

    source: str
    out: Path
    options: Options = field(default_factory=Options)
    policy: Policy = field(default_factory=Policy)
    overwrite: bool = False
    report: Callable[[str], None] = lambda line: None
    progress: Callable[[Plan], ProgressCallback] = lambda plan: lambda rows, place: None
    engine: Engine = local_engine


def score_dataset(request: BatchRequest, bundle: Bundle) -> BatchResult:
    """Score every row of IN exactly once into the folder OUT, even if the job is killed and run again.

    Args:
        request: the input, the output, the options and the policy.
        bundle: the verified bundle that scores every row, even if another one becomes champion during the job.

    Raises:
        BusyError: another job is writing to OUT.
        DataError: an input is missing, truncated or lacks a column, or changed while it was read.
        ContractError: more rows break the contract than the policy allows; they are in ``OUT.quarantine``.
        SuspiciousPredictionsError: predictions are null, constant or far from the reference, and the policy says fail.
        StorageError: OUT contains something else, or the disk is full.
    """
    request.policy.check()
    out = request.out.absolute()
    location.check_folder_location(request.source, out)
    scorer = load(bundle.path, threads=1, expected_digest=bundle.digest)
    scorer.check_golden()
    with location.output_lock(out):
        plan = plan_dataset(request.source, scorer.bundle, scorer.contract, request.options)
        published = read_manifest(out)
        if published is not None and published["job"] == plan.job and location.is_complete(out, published):
            _check_published(published, request)
            Checkpoint(out).remove()
            return BatchResult("unchanged", published)
        location.check_replaceable(out, published, plan, request.overwrite)
        # The engine starts before anything is written, so an engine that cannot start leaves nothing behind.
        with request.engine(plan, scorer) as engine:
            return BatchResult("scored", _score_and_publish(request, plan, scorer, engine, out))


def _score_and_publish(
    request: BatchRequest, plan: Plan, scorer: Scorer, engine: EngineRun, out: Path
) -> dict[str, Any]:
    began, work = time.perf_counter(), Checkpoint(out)
    finished = _resume(request, plan, work)
    new = list(engine.remaining_parts(work, finished, request.progress(plan)))
    records = [*finished, *new]
    manifest = manifest_of(plan, scorer.contract, records, work.dataset)
    try:
        check_inputs(plan, manifest["rows"]["in"])
    except DataError:
        work.remove()
        raise
    _check_quarantine(manifest, request, work, out)
    # The key keeps its first name, since readers of published manifests use it.
    manifest["odd"] = _check_anomalies(manifest, scorer, records, request, out)
    timings = _timings(new, time.perf_counter() - began, engine.describe())
    when = datetime.now(UTC).isoformat(timespec="seconds")
    text = encode_manifest(manifest, when=when, timings=timings, source=plan.source)
    atomic.write_file(work.dataset / MANIFEST_FILE, text)
    location.move_into_place(work.dataset, out)
    work.remove()
    shutil.rmtree(_quarantine_path(out), ignore_errors=True)
    return read_manifest(out) or {}


def _resume(request: BatchRequest, plan: Plan, checkpoint: Checkpoint) -> list[PartRecord]:
    if restart_reason := checkpoint.begin(plan.job, plan.identity):
        request.report(restart_reason)
    finished = checkpoint.load_records()
    if finished:
        rows = sum(record.rows_in for record in finished)
        parts = "part" if len(finished) == 1 else "parts"
        request.report(f"resuming after {len(finished)} finished {parts} ({rows:,} rows)")
    return finished


def _check_quarantine(manifest: Mapping[str, Any], request: BatchRequest, checkpoint: Checkpoint, out: Path) -> None:
    rows = manifest["rows"]
    if request.policy.allows(rows["quarantined"], rows["in"]):
        return
    kept = _quarantine_path(out)
    location.replace_with_copy(checkpoint.dataset / QUARANTINE_FOLDER, kept)
    raise ContractError(
        f"{rows['quarantined']} of the {rows['in']} rows of {request.source} break the contract, more than "
        f"--max-invalid {request.policy.max_invalid} allows; no dataset was published at {out}; these rows are in {kept}: "
        + "; ".join(f"{row['file']} row {row['row']}, {row['reasons']}" for row in first_rows(kept))
    )


def _quarantine_path(out: Path) -> Path:
    """The folder for the invalid rows of a job that published no dataset."""
    return out.with_name(f"{out.name}.quarantine")


def _check_published(published: Mapping[str, Any], request: BatchRequest) -> None:
    rows = published["rows"]
    if not request.policy.allows(rows["quarantined"], rows["in"]):
        raise ContractError(
            f"{request.out} was already scored with {published['release']}, and {rows['quarantined']} of its {rows['in']} "
            f"rows break the contract, more than --max-invalid {request.policy.max_invalid} allows; the dataset is unchanged"
        )


def _check_anomalies(
    manifest: Mapping[str, Any], scorer: Scorer, records: Sequence[PartRecord], request: BatchRequest, out: Path
) -> list[str]:
    measures, bundle = [record.measures for record in records if record.rows], scorer.bundle
    shifted = shifted_predictions(reference_in(bundle), bundle.release.version, measures)
    anomalies = [*find_anomalies(manifest["predictions_distribution"]), *shifted]
    if anomalies and request.policy.on_anomaly == "fail":
        raise SuspiciousPredictionsError(f"{'; '.join(anomalies)}; no dataset was published at {out}")
    for sentence in anomalies:
        request.report(f"suspicious predictions: {sentence}")
    return anomalies


def _timings(new: Sequence[PartRecord], seconds: float, engine: Mapping[str, Any]) -> dict[str, Any]:
    """The timings of this run only; ``model_share`` is the share of all cores' time in which the model itself ran."""
    rows, model = sum(record.rows_in for record in new), sum(record.seconds for record in new)
    return {
        **engine,
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds),
        "model_seconds": round(model, 3),
        "model_share": round(model / (seconds * engine["cores"]), 3),
    }
