"""Sealing: a candidate that the gate let pass becomes a bundle, whole and on disk, or nothing at all."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import tempfile
from pathlib import Path

import msgspec

from deploy.bundle import FORMAT, RELEASE_FILE, Bundle, Release, file_digest, folder_name, verify
from deploy.candidate import engine_name
from deploy.verdict import Verdict, encode_verdict
from deploy.version import Version
from pipeline.candidate import Candidate
from pipeline.errors import GateRefused, NotFoundError, StorageError


def seal(
    candidate: Candidate, version: Version, verdict: Verdict, *, name: str, lock_digest: str, into: Path
) -> Bundle:
    """Seal the candidate as ``into/<version>-<digest12>`` and verify it; a bundle that is already there is kept.

    The same candidate, version and verdict give the same digest: no clock and no run is in it.

    Raises:
        GateRefused: the verdict is not to publish.
        NotFoundError: a file of the candidate is missing.
        StorageError: it could not be written; nothing was left behind.
        BundleError: the bundle's folder is there already, but damaged.
    """
    if verdict.verdict != "publish":
        reasons = "; ".join(rule.why for rule in verdict.broken)
        raise GateRefused(f"{version.text} was not sealed, since the gate refused it: {reasons}")
    sources = _sources(candidate)
    staging: Path | None = None
    try:
        into.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".sealing-", dir=into))
        final, digest = _write(staging, sources, candidate, version, verdict, name, lock_digest)
        _move(staging, final)
    except OSError as error:
        raise StorageError(
            f"{version.text} could not be sealed in {into}: {error.strerror or error}; nothing was left there"
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return verify(final, expected_digest=digest)


def _sources(candidate: Candidate) -> dict[str, Path]:
    """Where each file of the bundle comes from."""
    files = {p.relative_to(candidate.model).as_posix(): p for p in candidate.model.rglob("*") if p.is_file()}
    files["metrics.json"] = candidate.metrics
    missing = [name for name in ("MLmodel", "contract.json", "golden.json") if name not in files]
    if missing or not candidate.metrics.is_file():
        lacking = candidate.model / missing[0] if missing else candidate.metrics
        raise NotFoundError(f"the candidate lacks {lacking}, so it cannot be sealed; run the pipeline again")
    return {name: files[name] for name in sorted(files) if name != RELEASE_FILE}


def _write(
    staging: Path,
    sources: dict[str, Path],
    candidate: Candidate,
    version: Version,
    verdict: Verdict,
    name: str,
    lock_digest: str,
) -> tuple[Path, str]:
    """Fill the hidden folder and put every byte on the disk; returns its final place and the bundle's digest."""
    staging.chmod(0o755)
    for place, source in sources.items():
        (staging / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, staging / place)
    (staging / "verdict.json").write_bytes(encode_verdict(verdict))
    files = {place: file_digest(staging / place) for place in sorted([*sources, "verdict.json"])}
    release = _release(candidate, version, verdict, files, name, lock_digest)
    text = msgspec.json.format(msgspec.json.encode(release), indent=2) + b"\n"
    (staging / RELEASE_FILE).write_bytes(text)
    for path in [*staging.rglob("*"), staging]:
        _flush(path)
    digest = hashlib.sha256(text).hexdigest()
    return staging.parent / folder_name(version.text, digest), digest


def _release(
    candidate: Candidate, version: Version, verdict: Verdict, files: dict[str, str], name: str, lock_digest: str
) -> Release:
    return Release(
        format=FORMAT,
        name=name,
        version=version.text,
        commit=version.commit,
        engine=engine_name(candidate.model),
        data=dict(sorted(candidate.data.items())),
        lock_digest=lock_digest,
        split=dict(sorted(candidate.split.items())),
        scores={key: value for key, value in sorted(candidate.scores.items()) if math.isfinite(value)},
        verdict=msgspec.to_builtins(verdict),
        files=files,
        overrides=candidate.overrides,
    )


def _move(staging: Path, final: Path) -> None:
    """Rename the whole folder; one that is there already is left, to be verified."""
    try:
        staging.rename(final)
    except OSError:
        if not final.is_dir():
            raise
    _flush(final.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
