"""A dataset scored into a folder, top to bottom: plan, go on from the finished parts, judge, publish."""

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
    """What a job came to: ``scored``, or ``unchanged`` where the dataset was there already; and its manifest."""

    state: str
    manifest: dict[str, Any]


@dataclass(frozen=True)
class BatchRequest:
    """What is asked for, and whom to tell how it goes on."""

    source: str
    out: Path
    options: Options = field(default_factory=Options)
    policy: Policy = field(default_factory=Policy)
    overwrite: bool = False
    report: Callable[[str], None] = lambda line: None
    progress: Callable[[Plan], ProgressCallback] = lambda plan: lambda rows, place: None
    engine: Engine = local_engine


def score_dataset(request: BatchRequest, bundle: Bundle) -> BatchResult:
    """Score every row of IN into the folder OUT, once, however often the job is killed and run again.

    Args:
        bundle: the verified bundle that answers every row, whatever becomes champion meanwhile.

    Raises:
        BusyError: another job is at work on OUT.
        DataError: an input is missing, truncated or lacks a column, or changed while it was read.
        ContractError: more rows break the contract than the policy allows; they stand in ``OUT.quarantine``.
        SuspiciousPredictionsError: predictions are null, constant or far from the reference, and the policy is to fail then.
        StorageError: OUT holds something else, or the disk is full.
    """
    request.policy.check()
    out = request.out.absolute()
    location.check_folder_location(request.source, out)
    scorer = load(bundle.path, threads=1, expected_digest=bundle.digest)
    scorer.check_golden()
    with location.output_lock(out):
        plan = plan_dataset(request.source, scorer.bundle, scorer.contract, request.options)
        published = read_manifest(out)
        if published is not None and published["job"] == plan.job and location.is_whole(out, published):
            _check_published(published, request)
            Checkpoint(out).remove()
            return BatchResult("unchanged", published)
        location.check_replaceable(out, published, plan, request.overwrite)
        # Before anything is written: an engine that cannot be started leaves nothing behind.
        with request.engine(plan, scorer) as engine:
            return BatchResult("scored", _score_and_publish(request, plan, scorer, engine, out))


def _score_and_publish(
    request: BatchRequest, plan: Plan, scorer: Scorer, engine: EngineRun, out: Path
) -> dict[str, Any]:
    began, work = time.perf_counter(), Checkpoint(out)
    finished = _resume(request, plan, work)
    made = list(engine.remaining_parts(work, finished, request.progress(plan)))
    records = [*finished, *made]
    manifest = manifest_of(plan, scorer.contract, records, work.dataset)
    try:
        check_inputs(plan, manifest["rows"]["in"])
    except DataError:
        work.remove()
        raise
    _check_quarantine(manifest, request, work, out)
    manifest["odd"] = _check_anomalies(manifest, scorer, records, request, out)
    timings = _timings(made, time.perf_counter() - began, engine.describe())
    when = datetime.now(UTC).isoformat(timespec="seconds")
    text = encode_manifest(manifest, when=when, timings=timings, source=plan.source)
    atomic.write_file(work.dataset / MANIFEST_FILE, text)
    location.move_into_place(work.dataset, out)
    work.remove()
    shutil.rmtree(_quarantine_path(out), ignore_errors=True)
    return read_manifest(out) or {}


def _resume(request: BatchRequest, plan: Plan, checkpoint: Checkpoint) -> list[PartRecord]:
    if anew := checkpoint.begin(plan.job, plan.identity):
        request.report(anew)
    finished = checkpoint.load_records()
    if finished:
        rows = sum(record.rows_in for record in finished)
        parts = "part" if len(finished) == 1 else "parts"
        request.report(f"going on after {len(finished)} finished {parts} of {rows:,} rows")
    return finished


def _check_quarantine(manifest: Mapping[str, Any], request: BatchRequest, checkpoint: Checkpoint, out: Path) -> None:
    rows = manifest["rows"]
    if request.policy.allows(rows["quarantined"], rows["in"]):
        return
    kept = _quarantine_path(out)
    location.replace_with_copy(checkpoint.dataset / QUARANTINE_FOLDER, kept)
    raise ContractError(
        f"{rows['quarantined']} of the {rows['in']} rows of {request.source} break the contract, and "
        f"--max-bad {request.policy.max_invalid} allows no more; no dataset was published at {out}; they are in {kept}: "
        + "; ".join(f"{row['file']} row {row['row']}, {row['reasons']}" for row in first_rows(kept))
    )


def _quarantine_path(out: Path) -> Path:
    """Where the bad rows of a job stand that published nothing."""
    return out.with_name(f"{out.name}.quarantine")


def _check_published(published: Mapping[str, Any], request: BatchRequest) -> None:
    rows = published["rows"]
    if not request.policy.allows(rows["quarantined"], rows["in"]):
        raise ContractError(
            f"{request.out} was scored already by {published['release']}, and {rows['quarantined']} of its {rows['in']} "
            f"rows broke the contract; --max-bad {request.policy.max_invalid} allows no more; the dataset is as it was"
        )


def _check_anomalies(
    manifest: Mapping[str, Any], scorer: Scorer, records: Sequence[PartRecord], request: BatchRequest, out: Path
) -> list[str]:
    measures, bundle = [record.measures for record in records if record.rows], scorer.bundle
    far = shifted_predictions(reference_in(bundle), bundle.release.version, measures)
    found = [*find_anomalies(manifest["predictions_distribution"]), *far]
    if found and request.policy.on_anomaly == "fail":
        raise SuspiciousPredictionsError(f"{'; '.join(found)}; no dataset was published at {out}")
    for sentence in found:
        request.report(f"odd predictions: {sentence}")
    return found


def _timings(made: Sequence[PartRecord], seconds: float, engine: Mapping[str, Any]) -> dict[str, Any]:
    """Of this run alone; ``model_share`` is the model's part of the time that all cores had."""
    rows, model = sum(record.rows_in for record in made), sum(record.seconds for record in made)
    return {
        **engine,
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds),
        "model_seconds": round(model, 3),
        "model_share": round(model / (seconds * engine["cores"]), 3),
    }
