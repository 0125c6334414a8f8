"""Run programs of a release in its own environment: its pipeline without a cache, and batch with a bundle."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from slipway.bundle.release_file import BuildRecord, Bundle, Release
from slipway.bundle.seal import seal
from slipway.bundle.verdict import Verdict
from slipway.commands.reproduce.clone import ReleaseClone
from slipway.errors import RebuildError, error_for
from slipway.pipeline.build_record import build_record
from slipway.pipeline.candidate import Candidate
from slipway.reporting.progress import SILENT, Progress

_PROGRAM = """
import os, signal, threading

def stop_with_parent():
    os.read(0, 1)  # returns when the process at the other end of the pipe has ended, even if it was killed
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=stop_with_parent, daemon=True).start()
from slipway.cli.main import main
main()
"""
_DROPPED = ("MLFLOW_", "SLIPWAY_", "GITHUB_", "GH_", "ACTIONS_", "PYTHON", "VIRTUAL_ENV", "GIT_")
"""A rebuild uses a separate store, and the code of a tag gets no token."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
_STOP_TIMEOUT = 30.0
_STEPS = """
SELECT step.value, runs.artifact_uri FROM runs JOIN tags AS step USING (run_uuid) JOIN tags AS parent USING (run_uuid)
WHERE step.key = 'slipway.step' AND parent.key = 'mlflow.parentRunId' AND parent.value = ?
"""


@dataclass(frozen=True)
class Rebuilt:
    """What the pipeline of a tag made: a candidate with its record, and its steps in the order in which they ran."""

    candidate: Candidate
    build: BuildRecord
    steps: tuple[str, ...]


@dataclass(frozen=True)
class ReleaseEnvironment:
    """The Python of a release's environment, in which its own Slipway runs with so many threads (0: as many as it likes)."""

    python: Path
    clone: ReleaseClone
    threads: int = 0

    def rebuild(self, progress: Progress) -> Rebuilt:
        """Run the pipeline without a cache, with a store beside the clone's settings.

        Raises:
            SlipwayError: the pipeline's own refusal, with its exit code.
            RebuildError: the pipeline ended in another way.
        """
        return read_rebuilt(self.clone, json.loads(self._slipway("run", "--no-cache", "--json", progress=progress)))

    def seal(self, rebuilt: Rebuilt, published: Release, into: Path) -> Bundle:
        """Seal the candidate as the published release was, so that it can be loaded in the same way."""
        verdict = Verdict("publish", (), first_release=True)
        lock = rebuilt.build.locks.get("requirements.lock", "")
        commit, name = self.clone.commit, published.name
        return seal(rebuilt.candidate, published.version, commit, verdict, name=name, lock_digest=lock, into=into)

    def predict(self, bundle: Path, rows: Path, out: Path) -> list[dict[str, str]]:
        """Score the rows with a bundle; returns the columns that batch adds for each row.

        Raises:
            SlipwayError: the rows or the bundle were refused.
        """
        out.unlink(missing_ok=True)
        self._slipway("batch", str(rows), str(out), "--bundle", str(bundle), progress=SILENT)
        with out.open(encoding="utf-8", newline="") as file:
            return [
                {name: text for name, text in row.items() if name.startswith(("prediction", "probability_"))}
                for row in csv.DictReader(file)
            ]

    def _slipway(self, *arguments: str, progress: Progress) -> str:
        """Run a verb of the release's own Slipway in its clone, and return what it printed on stdout."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
        environment |= dict.fromkeys(_THREADS, str(self.threads)) if self.threads else {}
        with (
            TemporaryFile("w+", encoding="utf-8") as stdout,
            subprocess.Popen(
                [str(self.python), "-P", "-c", _PROGRAM, *arguments],
                cwd=self.clone.project, env=environment,
                stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
            ) as process,
        ):  # fmt: skip
            lines = deque[str](maxlen=20)
            try:
                for line in process.stderr or ():
                    lines.append(line.rstrip())
                    if not line.startswith("slipway: "):
                        progress(line.rstrip())
                code = process.wait()
            except BaseException:
                _stop(process)
                raise
            stdout.seek(0)
            if code == 0:
                return stdout.read()
        raise _failure(arguments[0], code, list(lines))


def read_rebuilt(clone: ReleaseClone, ran: dict[str, Any]) -> Rebuilt:
    """Read what a run made in the clone's store; ``ran`` is what `slipway run --json` printed."""
    with closing(sqlite3.connect(clone.project / "mlflow.db")) as store:
        folders = {name: _local_folder(uri) for name, uri in store.execute(_STEPS, (ran["run_id"],))}
    build = build_record(clone.project, clone.settings, folders)
    packaged = _folder_with(folders, ran["model_uri"].removeprefix("runs:/").partition("/")[0])
    # The name of the step is the project's choice, but its files are not.
    split = next(folder for folder in folders.values() if (folder / "split.json").is_file())
    facts: dict[str, Any] = json.loads((split / "split.json").read_text(encoding="utf-8"))
    candidate = Candidate(
        run_id=ran["run_id"],
        model_uri=ran["model_uri"],
        model=packaged / "model",
        train=split / "train.parquet",
        holdout=split / "holdout.parquet",
        metrics=Path(ran["report"]).with_name("metrics.json"),
        split={name: value for name, value in facts.items() if name != "shares"},
        data=clone.data,
        scores=ran["scores"],
        build=build,
    )
    return Rebuilt(candidate, build, tuple(step["name"] for step in ran["steps"]))


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()


def _failure(verb: str, code: int, lines: list[str]) -> Exception:
    start = next((number for number, line in enumerate(lines) if line.startswith("slipway: ")), len(lines) - 1)
    reason = " ".join(lines[max(start, 0) :]).removeprefix("slipway: ") or "it printed nothing"
    known = error_for(code)
    return (known or RebuildError)(f"`slipway {verb}` of the release failed with exit code {code}: {reason}")


def _folder_with(folders: dict[str, Path], run_id: str) -> Path:
    return next(folder for folder in folders.values() if run_id in folder.parts)


def _local_folder(uri: str) -> Path:
    return Path(url2pathname(urlparse(uri).path))
