"""Rebuild a release from its tag in a new environment, and compare it with the published bundle."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from slipway.bundle.release_file import Bundle
from slipway.commands.reproduce.clone import clone_release
from slipway.commands.reproduce.compare import compare, first_step_that_differs
from slipway.commands.reproduce.environment import make_environment
from slipway.commands.reproduce.published import find_published
from slipway.commands.reproduce.rebuild import Rebuilt, ReleaseEnvironment
from slipway.commands.reproduce.result import Reproduction, Result, Run, keep_result, this_machine
from slipway.errors import BusyError, ReproductionError, SlipwayError, StoppedError
from slipway.pipeline.signals import StopSignal, raise_on_signals
from slipway.reporting.progress import SILENT, Progress
from slipway.settings.settings import STATE, Settings
from slipway.storage.locks import exclusive_lock

_PYTHON = re.compile(r"^python: (\d+\.\d+\.\d+)$", re.MULTILINE)
_INPUTS = {"settings", "data", "lock", "contract", "commit"}
"""A difference in one of these explains all later ones."""


@dataclass(frozen=True)
class RebuildRequest:
    """What to rebuild: a tag, its bundle if one is given, once for each number of threads; ``keep`` keeps the folder."""

    tag: str
    bundle: Path | None = None
    threads: Sequence[int] = ()
    keep: bool = False


def reproduce(settings: Settings, request: RebuildRequest, progress: Progress = SILENT) -> Reproduction:
    """Rebuild a release and compare it; the result is also kept for `slipway status`.

    Of the project only its git repository, its bundles and the data files that git does not have are read.

    Raises:
        NotFoundError: the tag or its release does not exist.
        BusyError: another release is being rebuilt in this checkout.
        RebuildError: the environment cannot be made.
        StoppedError: a signal was received; the pipeline has ended too, and nothing is left.
        SlipwayError: the pipeline's own refusal, for example because a data file is missing.
    """
    with _scratch_folder(settings, keep=request.keep) as scratch:
        published = find_published(settings, request.tag, request.bundle, scratch / "published")
        try:
            result = _rebuild(settings, request, published, scratch, progress)
        except StoppedError:
            raise
        except SlipwayError as error:
            keep_result(settings.root, _result(published, "not rebuilt", note=str(error)))
            raise
    keep_result(settings.root, result)
    return result


def reproduce_each(
    settings: Settings, tags: Sequence[str], threads: Sequence[int], progress: Progress = SILENT
) -> list[SlipwayError]:
    """Rebuild releases one after the other, and return why some of them are not identical; each result is kept.

    Raises:
        StoppedError: a signal was received.
    """
    errors: list[SlipwayError] = []
    for tag in tags:
        try:
            result = reproduce(settings, RebuildRequest(tag, threads=threads, keep=tag != tags[-1]), progress)
        except StoppedError:
            raise
        except SlipwayError as error:
            errors.append(type(error)(f"{tag}: {error}"))
        else:
            errors += [] if result.result == "identical" else [ReproductionError(result.sentence)]
    return errors


def _rebuild(
    settings: Settings, request: RebuildRequest, published: Bundle, scratch: Path, progress: Progress
) -> Reproduction:
    with progress.heartbeat("clone"):
        clone = clone_release(settings.root, request.tag, scratch / request.tag)
    version = _python_of(published)
    python = make_environment(clone.project, version, scratch, progress)
    runs, notes = list[Run](), _notes(version)
    kind: Result = "identical"
    for threads in request.threads or (0,):
        environment = ReleaseEnvironment(python, clone, threads)
        rebuilt = environment.rebuild(progress)
        runs.append(Run(threads, compare(published, rebuilt, environment, scratch)))
        different = {check.name for check in runs[-1].checks if check.state == "different"}
        if different and kind == "identical":
            kind = "different"
            if not different & _INPUTS:
                progress("rebuilding once more, to see whether two rebuilds here are identical to each other")
                kind, note = _compare_twice(rebuilt, environment.rebuild(progress))
                notes.append(note)
    if missing := [check.name for check in runs[0].checks if check.state == "not recorded"]:
        notes.append(f"not compared, because the release has no record of them: {', '.join(missing)}")
    return _result(published, kind, note="; ".join(notes), runs=runs)


def _compare_twice(first: Rebuilt, second: Rebuilt) -> tuple[Result, str]:
    """Distinguish a model that is not deterministic from a machine that computes differently."""
    step = first_step_that_differs(first, second)
    if not step:
        return (
            "different",
            "two rebuilds on this machine are identical to each other, so this machine computes differently",
        )
    estimator = first.build.settings.get("train.estimator", "the estimator").strip('"')
    return (
        "not deterministic",
        f"two rebuilds on this machine differ from each other too, first in {step}: {estimator} is not deterministic with "
        "these settings",
    )


def _python_of(published: Bundle) -> str:
    """Return the version of Python that the release was made with; empty if the bundle does not say it."""
    file = published.path / "python_env.yaml"
    found = _PYTHON.search(file.read_text(encoding="utf-8")) if file.is_file() else None
    return found[1] if found else ""


def _notes(version: str) -> list[str]:
    here = platform.python_version()
    return [f"the release was made with Python {version}"] if version not in ("", here) else []


def _result(published: Bundle, kind: Result, *, note: str, runs: Sequence[Run] = ()) -> Reproduction:
    release = published.release
    return Reproduction(
        release=release.version,
        commit=release.commit,
        digest=published.digest,
        at=datetime.now(UTC),
        result=kind,
        note=note,
        machine=this_machine(),
        runs=list(runs),
    )


@contextmanager
def _scratch_folder(settings: Settings, *, keep: bool) -> Iterator[Path]:
    """The folder for everything that a rebuild writes; what a killed process left in it is removed first.

    With ``keep`` it stays, and the next rebuild with the same lock uses its environment again.
    """
    folder = settings.root / STATE / "reproduce"
    busy = BusyError(f"another reproduction is running in {settings.root}; nothing was started")
    with exclusive_lock(folder.with_name("reproduce.lock"), "slipway reproduce", busy_error=lambda _: busy):
        for path in folder.glob("*"):
            if not (keep and path.name.startswith("environment-")):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        folder.mkdir(exist_ok=True)
        try:
            with raise_on_signals():
                yield folder
        except StopSignal as signal:
            raise StoppedError(f"stopped by {signal}; the rebuild has ended too, and nothing is left of it") from None
        finally:
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)
