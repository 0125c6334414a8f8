"""The working folder beside OUT that collects the finished parts, so that a killed job can resume."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from slipway.errors import StorageError
from slipway.storage import atomic
from slipway.storage.digests import file_digest
from slipway.tables.chunks import InputPosition

JOB_FILE = "job.json"


class PartRecord(msgspec.Struct, frozen=True):
    """Record of a finished part.

    ``files`` counts its input rows by the number of the input file; ``next`` is where the next part begins. The field
    names are those of the JSON file, which a newer version must still read to resume a killed job.
    """

    name: str
    sha256: str
    rows: int
    quarantined: int
    quarantine: Mapping[str, str]
    files: Mapping[str, int]
    next: Sequence[int]
    measures: Mapping[str, Any]
    seconds: float

    @property
    def rows_in(self) -> int:
        """Number of input rows that were read for this part."""
        return sum(self.files.values())

    @property
    def next_position(self) -> InputPosition:
        """Position in the input where the next part begins."""
        return InputPosition(*self.next)


class Checkpoint:
    """The folder ``OUT.slipway-work``: the finished parts of the dataset, and a record for each of them."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out.with_name(f"{out.name}.slipway-work")
        self.dataset = self.path / "dataset"
        self._records = self.path / "records"

    def begin(self, job: str, identity: Mapping[str, Any]) -> str:
        """Create the folder, or keep that of the same job. Return why the parts of another job were removed, or ``""``."""
        found = self._read_job()
        reason = ""
        if found is not None and found.get("job") != job:
            reason = f"starting over: the parts in {self.path} are from {_describe_difference(found, identity)}"
        if found is None or reason:
            self.remove()
            self.dataset.mkdir(parents=True)
            self._records.mkdir()
            atomic.write_file(self.path / JOB_FILE, json.dumps({"job": job, **identity}).encode())
        return reason

    def load_records(self) -> list[PartRecord]:
        """Return the records of the leading parts that are complete on disk, and remove all later files."""
        found: list[PartRecord] = []
        for path in sorted(self._records.glob("part-*.json")):
            record = PartRecord(**json.loads(path.read_bytes()))
            if path.stem != part_name(len(found)) or not self._is_complete(record):
                break
            found.append(record)
        self._remove_unfinished(found)
        return found

    def save_record(self, record: PartRecord) -> None:
        """Write the record of a part; its files must be complete on disk."""
        name = record.name.partition(".")[0]
        atomic.write_file(self._records / f"{name}.json", json.dumps(msgspec.structs.asdict(record)).encode())

    def remove(self) -> None:
        """Remove the folder and its contents."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.path)

    def _read_job(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self.path / JOB_FILE).read_bytes())
        except (OSError, ValueError):
            return None
        return found if self._records.is_dir() and self.dataset.is_dir() else None

    def _is_complete(self, record: PartRecord) -> bool:
        files = {record.name: record.sha256, **record.quarantine}
        paths = {self.dataset / name: sha256 for name, sha256 in files.items()}
        return all(path.is_file() and file_digest(path) == sha256 for path, sha256 in paths.items())

    def _remove_unfinished(self, finished: Sequence[PartRecord]) -> None:
        known = {name for record in finished for name in (record.name, *record.quarantine)}
        for path in [path for path in self.dataset.rglob("*") if path.is_file()]:
            if path.relative_to(self.dataset).as_posix() not in known:
                path.unlink()
        records = {f"{part_name(number)}.json" for number in range(len(finished))}
        for path in self._records.iterdir():
            if path.name not in records:
                path.unlink()


class _TemporaryCheckpoint(Checkpoint):
    """The working folder of a job with one part. There is nothing to resume from, so it has no records."""

    def __init__(self, out: Path, folder: Path) -> None:
        super().__init__(out)
        self.path = self.dataset = folder

    def save_record(self, record: PartRecord) -> None:
        """Do nothing, since no run resumes from here."""


@contextmanager
def temporary_checkpoint(out: Path) -> Iterator[Checkpoint]:
    """Create a folder beside OUT for one part, and remove it when the block ends, even after an error.

    Raises:
        StorageError: the folder cannot be created.
    """
    with ExitStack() as stack:
        try:
            temporary = tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent)
            folder = stack.enter_context(temporary)
        except OSError as error:
            raise StorageError(f"{out} cannot be written: {error.strerror}; nothing was changed") from None
        yield _TemporaryCheckpoint(out, Path(folder))


def part_name(number: int) -> str:
    """Return the name of a part without its suffix."""
    return f"part-{number:05}"


def _describe_difference(found: Mapping[str, Any], identity: Mapping[str, Any]) -> str:
    if found.get("release") != identity["release"]:
        return f"release {found.get('release')}, but this job uses {identity['release']}"
    changed = [key for key in identity if found.get(key) != identity[key]]
    return f"another job (changed: {', '.join(changed)})"
