"""Compare a rebuilt release with the published bundle, in the order of the pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from slipway.bundle.release_file import BuildRecord, Bundle
from slipway.commands.locks.lock_files import compare_versions
from slipway.commands.reproduce.rebuild import Rebuilt, ReleaseEnvironment
from slipway.commands.reproduce.result import Check
from slipway.errors import SlipwayError
from slipway.settings.settings import CONTRACT_FILE, LOCK_FILE
from slipway.storage.digests import file_digest
from slipway.versioning.git.checkout import file_at

_SHOWN = 3
_NAMES_PYTHON = ("model/python_env.yaml", "model/conda.yaml")
"""They have the patch version of Python, which the comparison reports as a fact about the machine."""
_PREDICTIONS = "predictions.parquet"


def compare(published: Bundle, rebuilt: Rebuilt, environment: ReleaseEnvironment, scratch: Path) -> list[Check]:
    """Compare everything that decides a prediction; a check that the published bundle has no record for is marked."""
    release, build = published.release, published.release.build
    here, clone = rebuilt.build, environment.clone
    checks = [_compare_values("settings", build.settings if build else None, here.settings)]
    checks.append(_compare_values("data", release.data, clone.data, shorten=True))
    checks.append(_compare_locks(published, here, clone.project))
    contract = {CONTRACT_FILE: file_digest(clone.project / CONTRACT_FILE)}
    checks.append(_compare_values("contract", {CONTRACT_FILE: release.files[CONTRACT_FILE]}, contract, shorten=True))
    checks += _compare_steps(build, here, rebuilt.steps) if build else [_compare_rows(published, rebuilt)]
    model = f"model.{release.engine}"
    found = rebuilt.candidate.model / model
    digests = {model: file_digest(found) if found.is_file() else "nothing"}
    checks.append(_compare_values("model", {model: release.files[model]}, digests, shorten=True))
    checks.append(_compare_predictions(published, rebuilt, environment, scratch, same_model=checks[-1].same))
    checks.append(_compare_values("scores", release.scores, rebuilt.candidate.scores))
    checks.append(_compare_values("commit", {"commit": release.commit}, {"commit": clone.commit}))
    return checks


def first_step_that_differs(first: Rebuilt, second: Rebuilt) -> str:
    """Return the first step in which two rebuilds on this machine differ; empty if they are identical."""
    checks = _compare_steps(first.build, second.build, first.steps)
    return next((check.name for check in checks if check.state == "different"), "")


def _compare_values(
    name: str, published: Mapping[str, Any] | None, rebuilt: Mapping[str, Any], *, shorten: bool = False
) -> Check:
    """Compare values by name; with ``shorten``, of a digest only the beginning is shown."""
    if published is None:
        return Check(name, "not recorded", "the release has no record of it")
    differences = list(_differences(published, rebuilt, 12 if shorten else None))
    if not differences:
        return Check(name, "identical", "")
    more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return Check(name, "different", "; ".join(differences[:_SHOWN]) + more)


def _differences(published: Mapping[str, Any], rebuilt: Mapping[str, Any], longest: int | None) -> Iterator[str]:
    for key in [*rebuilt, *(key for key in published if key not in rebuilt)]:
        before, now = published.get(key), rebuilt.get(key)
        if before != now:
            old, new = ("nothing" if value is None else str(value)[:longest] for value in (before, now))
            yield f"{key} is {new} instead of {old}"


def _compare_locks(published: Bundle, here: BuildRecord, project: Path) -> Check:
    release = published.release
    if not release.lock_digest:
        return Check("lock", "not recorded", "the release was made without a lock")
    recorded = {**(release.build.locks if release.build else {}), LOCK_FILE: release.lock_digest}
    rebuilt = here.locks if release.build else {LOCK_FILE: here.locks.get(LOCK_FILE)}
    check = _compare_values("lock", recorded, rebuilt, shorten=True)
    # After a tag was moved, its earlier commit is often still in the repository.
    before, now = (file_at(project, commit, f"./{LOCK_FILE}") for commit in (release.commit, "HEAD"))
    if check.same or before is None or now is None:
        return check
    packages = ", ".join(map(str, compare_versions({LOCK_FILE: before}, {LOCK_FILE: now})))
    return Check("lock", "different", f"{check.detail}{f' ({packages})' if packages else ''}")


def _compare_steps(published: BuildRecord, rebuilt: BuildRecord, order: Sequence[str]) -> list[Check]:
    found = []
    for name in [*order, *(step for step in published.steps if step not in order)]:
        before, now = published.steps.get(name), rebuilt.steps.get(name)
        if before is None or now is None:
            found.append(Check(name, "different", f"the step ran only {'here' if now else 'for the release'}"))
            continue
        files = [
            path
            for path in sorted({*before.files, *now.files} - {*_NAMES_PYTHON})
            if before.files.get(path) != now.files.get(path)
        ]
        scores = list(_differences(before.scores, now.scores, None))
        differences = [*scores[:_SHOWN], *([f"{', '.join(files)} differ{'s' * (len(files) == 1)}"] if files else [])]
        rows = [f"{int(now.scores[key]):,} {key.replace('_', ' ')}" for key in now.scores if key.endswith("_rows")]
        detail = "; ".join(differences) or (", ".join(rows) if name == "split" else "")
        found.append(Check(name, "different" if differences else "identical", detail))
    return found


def _compare_rows(published: Bundle, rebuilt: Rebuilt) -> Check:
    """Compare what a release without a record of its steps has: how the rows were split, and the size of the holdout."""
    before, now = (_holdout_rows(path) for path in (published.path / "metrics.json", rebuilt.candidate.metrics))
    facts = {**published.release.split, "holdout rows": before}, {**rebuilt.candidate.split, "holdout rows": now}
    check = _compare_values("rows", *facts)
    return Check("rows", "identical", f"{now:,} holdout rows") if check.same else check


def _holdout_rows(metrics: Path) -> int:
    return int(json.loads(metrics.read_bytes()).get("rows", 0))


def _compare_predictions(
    published: Bundle, rebuilt: Rebuilt, environment: ReleaseEnvironment, scratch: Path, *, same_model: bool
) -> Check:
    """Compare the prediction of each holdout row: by their digest, and by both models if anything differs."""
    build, rows = published.release.build, _holdout_rows(rebuilt.candidate.metrics)
    before, now = (_predictions_digest(record) for record in (build, rebuilt.build))
    if same_model and (not before or before == now):
        return Check("predictions", "identical", f"{rows:,} holdout rows{'' if before else ', by the same model'}")
    try:
        bundle = environment.seal(rebuilt, published.release, scratch / "rebuilt")
        holdout, out = rebuilt.candidate.holdout, scratch / "predictions.csv"
        old, new = (environment.predict(folder, holdout, out) for folder in (published.path, bundle.path))
    except SlipwayError as error:
        return Check("predictions", "different", f"both models cannot be compared on the rebuilt holdout: {error}")
    differing = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    if not differing:
        if not before or before == now:
            return Check("predictions", "identical", f"{rows:,} holdout rows")
        detail = f"both models predict the same here, but {_PREDICTIONS} differs from that of the release"
        return Check("predictions", "different", detail)
    farthest = max(abs(float(a[name]) - float(b[name])) for a, b in differing for name in _numbers(a))
    detail = f"{len(differing):,} of {len(new):,} holdout rows differ, by at most {farthest:.3g}"
    return Check("predictions", "different", detail)


def _predictions_digest(build: BuildRecord | None) -> str:
    """Return the digest of the predictions of the holdout, which one of the steps writes."""
    steps = build.steps.values() if build else ()
    return next((step.files[_PREDICTIONS] for step in steps if _PREDICTIONS in step.files), "")


def _numbers(row: Mapping[str, str]) -> list[str]:
    """Return the columns with numbers: the probabilities, or the prediction of a regression."""
    return [name for name in row if name.startswith("probability_")] or ["prediction"]
