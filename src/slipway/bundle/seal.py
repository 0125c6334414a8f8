"""Seal a candidate that passed the gate: write it to disk as a complete, verified bundle, or write nothing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec

from slipway.bundle.release_file import (
    FORMAT,
    RELEASE_FILE,
    BuildRecord,
    Bundle,
    Release,
    engine_name,
    folder_name,
    verify,
)
from slipway.bundle.verdict import Verdict, encode_verdict
from slipway.errors import GateRefused, NotFoundError, StorageError
from slipway.storage import atomic
from slipway.storage.digests import file_digest


class Sealable(Protocol):
    """What ``seal`` needs of a candidate: a model directory, its scores, and the data and settings behind it.

    A protocol, because this room must not import the pipeline, which defines the candidate.
    """

    @property
    def model(self) -> Path: ...  # noqa: D102
    @property
    def metrics(self) -> Path: ...  # noqa: D102
    @property
    def data(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def split(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def scores(self) -> Mapping[str, float]: ...  # noqa: D102
    @property
    def overrides(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def components(self) -> Mapping[str, Mapping[str, str]]: ...  # noqa: D102
    @property
    def build(self) -> BuildRecord | None: ...  # noqa: D102


def seal(
    candidate: Sealable, version: str, commit: str, verdict: Verdict, *, name: str, lock_digest: str, into: Path
) -> Bundle:
    """Seal the candidate as ``into/<version>-<digest12>`` and verify it; an existing bundle is kept.

    The same candidate, version and verdict give the same digest: the bundle contains no timestamp and no run id. Only
    one process at a time can seal into the same folder.

    Raises:
        GateRefused: the verdict is not "publish".
        NotFoundError: a file of the candidate is missing.
        StorageError: the bundle could not be written; no partial file is left.
        BundleError: the bundle's folder exists but is damaged.
    """
    if verdict.verdict != "publish":
        reasons = "; ".join(rule.why for rule in verdict.broken)
        raise GateRefused(f"{version} was not sealed: the gate refused it: {reasons}")
    files: dict[str, Path | bytes] = {**_sources(candidate), "verdict.json": encode_verdict(verdict)}
    release = _release(candidate, version, commit, verdict, files, name, lock_digest)
    # Indented, so that people can read and compare it; the digest covers exactly these bytes.
    text = msgspec.json.format(msgspec.json.encode(release), indent=2) + b"\n"
    digest = hashlib.sha256(text).hexdigest()
    final = into / folder_name(version, digest)
    if not final.exists():
        _publish({**files, RELEASE_FILE: text}, final, digest, version)
    return verify(final, expected_digest=digest)


def _publish(files: dict[str, Path | bytes], final: Path, digest: str, version: str) -> None:
    try:
        atomic.publish_files(files, final, check_folder=partial(verify, expected_digest=digest))
    except StorageError as error:
        raise StorageError(f"{version} could not be sealed: {error}") from None


def _sources(candidate: Sealable) -> dict[str, Path]:
    """The candidate's file behind each file of the bundle."""
    files = {p.relative_to(candidate.model).as_posix(): p for p in candidate.model.rglob("*") if p.is_file()}
    files["metrics.json"] = candidate.metrics
    missing = [name for name in ("MLmodel", "contract.json", "golden.json") if name not in files]
    if missing or not candidate.metrics.is_file():
        lacking = candidate.model / missing[0] if missing else candidate.metrics
        raise NotFoundError(f"{lacking} is missing, so the candidate cannot be sealed; run the pipeline again")
    return {name: files[name] for name in sorted(files) if name != RELEASE_FILE}


def _release(
    candidate: Sealable,
    version: str,
    commit: str,
    verdict: Verdict,
    files: Mapping[str, Path | bytes],
    name: str,
    lock_digest: str,
) -> Release:
    return Release(
        format=FORMAT,
        name=name,
        version=version,
        commit=commit,
        engine=engine_name(candidate.model),
        data=dict(sorted(candidate.data.items())),
        lock_digest=lock_digest,
        split=dict(sorted(candidate.split.items())),
        # JSON has no NaN: it would be written as null, which cannot be read back as a number.
        scores={key: value for key, value in sorted(candidate.scores.items()) if math.isfinite(value)},
        verdict=msgspec.to_builtins(verdict),
        files={place: _digest(files[place]) for place in sorted(files)},
        overrides=candidate.overrides,
        components={name: dict(version) for name, version in sorted(candidate.components.items())},
        build=candidate.build,
    )


def _digest(content: Path | bytes) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else file_digest(content)
