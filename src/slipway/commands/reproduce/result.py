"""The result of a reproduction: what was compared on which machine; kept for `status` and shown on the release page."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from slipway.errors import SettingsError, StorageError
from slipway.reporting.markdown import table
from slipway.reporting.sanitize import code_span
from slipway.settings.settings import STATE
from slipway.storage import atomic
from slipway.versioning.semver import tag_of

_LONGEST = 500
_MOST_ROWS = 50
_FOLDER = "reproductions"
Result = Literal["identical", "different", "not deterministic", "not rebuilt"]
_SENTENCES: dict[Result, str] = {
    "identical": "is identical to its release",
    "different": "differs from its release",
    "not deterministic": "cannot be reproduced byte for byte",
    "not rebuilt": "could not be rebuilt",
}


class Check(msgspec.Struct, frozen=True):
    """One comparison: what was compared, how it ended, and the numbers."""

    name: str
    state: Literal["identical", "different", "not recorded"]
    detail: str

    @property
    def same(self) -> bool:
        """Whether both are identical."""
        return self.state == "identical"


class Run(msgspec.Struct, frozen=True):
    """The comparisons of one rebuild with so many threads; 0 threads are as many as the libraries choose."""

    threads: int
    checks: list[Check]

    @property
    def first_difference(self) -> Check | None:
        """The first thing that differs, in the order of the pipeline."""
        return next((check for check in self.checks if check.state == "different"), None)


class Machine(msgspec.Struct, frozen=True):
    """The machine that rebuilt the release."""

    cpu: str
    cores: int
    python: str
    system: str

    def __str__(self) -> str:
        return f"{self.cpu}, {self.cores} core{'s' * (self.cores != 1)}, Python {self.python}"


class Reproduction(msgspec.Struct, frozen=True, kw_only=True):
    """The result of rebuilding one release; ``note`` explains it in a sentence."""

    release: str
    at: datetime
    result: Result
    note: str = ""
    commit: str = ""
    digest: str = ""
    machine: Machine
    runs: list[Run] = []

    @property
    def sentence(self) -> str:
        """The result in a sentence, with the first difference and how far apart the predictions are."""
        parts, run = [f"{self.release} {_SENTENCES[self.result]}{self._threads}"], self.different_run
        if run and (first := run.first_difference):
            parts[0] += f", first in {first.name}: {first.detail}"
            parts += [
                f"predictions: {check.detail}" for check in run.checks if check.name == "predictions" != first.name
            ]
        return "; ".join([*parts, *([self.note] if self.note else [])])

    @property
    def _threads(self) -> str:
        """The numbers of threads with which it was found."""
        numbers = [run.threads for run in ([self.different_run] if self.different_run else self.runs) if run.threads]
        return f" with {' and '.join(map(str, numbers))} thread{'s' * (numbers != [1])}" if numbers else ""

    @property
    def different_run(self) -> Run | None:
        """The first rebuild that differs from the release."""
        return next((run for run in self.runs if run.first_difference), None)

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Yield the comparisons of the first rebuild that differs, or of the first one."""
        for run in [self.different_run or self.runs[0]] if self.runs else []:
            yield from ((check.name, check.state, check.detail) for check in run.checks)

    def markdown(self) -> str:
        """Return the result as a section of the release page; nothing in it is trusted."""
        rows = [(code_span(name), state, code_span(detail[:_LONGEST])) for name, state, detail in self.rows()][
            :_MOST_ROWS
        ]
        parts = [
            f"### Rebuilt on {self.at:%Y-%m-%d}",
            code_span(self.sentence[:_LONGEST]),
            code_span(str(self.machine)[:_LONGEST]),
        ]
        return "\n\n".join([*parts, *([table(("", "result", "details"), rows)] if rows else [])])


def this_machine() -> Machine:
    """Describe the machine that this runs on."""
    cpu = ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    name = cpu or platform.processor() or platform.machine()
    return Machine(name, cores, platform.python_version(), platform.platform())


def keep_result(root: Path, result: Reproduction) -> None:
    """Keep the newest result of each release beside the settings; a full disk must not replace the result."""
    folder = root / STATE / _FOLDER
    with suppress(StorageError, OSError):
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_file(folder / f"v{result.release}.json", msgspec.json.encode(result))


def read_results(root: Path) -> list[Reproduction]:
    """Return the kept results, newest first; a damaged file is left out, because no decision depends on it."""
    found = []
    for path in (root / STATE / _FOLDER).glob("*.json"):
        with suppress(SettingsError, OSError):
            found.append(decode_result(path))
    return sorted(found, key=lambda result: result.at, reverse=True)


def decode_result(path: Path) -> Reproduction:
    """Read a result, which another job may have written.

    Raises:
        SettingsError: the file is not such a result.
    """
    try:
        result = msgspec.json.decode(path.read_bytes(), type=Reproduction)
    except msgspec.DecodeError as error:
        raise SettingsError(f"{path} is not the result of a reproduction: {error}; nothing was changed") from None
    tag_of(result.release)
    return result
