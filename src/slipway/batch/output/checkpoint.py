"""The folder beside OUT in which a dataset grows part by part, so that a killed job goes on where it was."""

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
    """What is known of a finished part. ``files`` counts the input rows by number of the file."""

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
        """The input rows that it accounts for."""
        return sum(self.files.values())

    @property
    def next_position(self) -> InputPosition:
        """Where the next part begins."""
        return InputPosition(*self.next)


class Checkpoint:
    """A folder with the dataset as far as it is made and a record for each finished part: ``OUT.slipway-work``."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out.with_name(f"{out.name}.slipway-work")
        self.dataset = self.path / "dataset"
        self._records = self.path / "records"

    def begin(self, job: str, identity: Mapping[str, Any]) -> str:
        """Make the folder, or keep it where it is of the same job; returns what to say of one that is of another."""
        found = self._read_job()
        said = ""
        if found is not None and found.get("job") != job:
            said = f"starting anew: the parts in {self.path} are of {_describe_difference(found, identity)}"
        if found is None or said:
            self.remove()
            self.dataset.mkdir(parents=True)
            self._records.mkdir()
            atomic.write_file(self.path / JOB_FILE, json.dumps({"job": job, **identity}).encode())
        return said

    def load_records(self) -> list[PartRecord]:
        """The records of the parts that are whole on the disk, from the first on; what follows them is removed."""
        found: list[PartRecord] = []
        for path in sorted(self._records.glob("part-*.json")):
            record = PartRecord(**json.loads(path.read_bytes()))
            if path.stem != part_name(len(found)) or not self._is_whole(record):
                break
            found.append(record)
        self._remove_unfinished(found)
        return found

    def save_record(self, record: PartRecord) -> None:
        """Write the record of a part whose files are on the disk."""
        name = record.name.partition(".")[0]
        atomic.write_file(self._records / f"{name}.json", json.dumps(msgspec.structs.asdict(record)).encode())

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.path)

    def _read_job(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self.path / JOB_FILE).read_bytes())
        except (OSError, ValueError):
            return None
        return found if self._records.is_dir() and self.dataset.is_dir() else None

    def _is_whole(self, record: PartRecord) -> bool:
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
    """The folder of a job that makes one part: no run goes on from that, so there are no records."""

    def __init__(self, out: Path, folder: Path) -> None:
        super().__init__(out)
        self.path = self.dataset = folder

    def save_record(self, record: PartRecord) -> None:
        """Nothing is kept."""


@contextmanager
def temporary_checkpoint(out: Path) -> Iterator[Checkpoint]:
    """A folder beside OUT for one part, which is gone when the block ends, however it ends.

    Raises:
        StorageError: there can be no folder.
    """
    with ExitStack() as stack:
        try:
            made = tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent)
            folder = stack.enter_context(made)
        except OSError as error:
            raise StorageError(f"{out} cannot be written: {error.strerror}; nothing was changed") from None
        yield _TemporaryCheckpoint(out, Path(folder))


def part_name(number: int) -> str:
    """The name of a part without its suffix."""
    return f"part-{number:05}"


def _describe_difference(found: Mapping[str, Any], identity: Mapping[str, Any]) -> str:
    if found.get("release") != identity["release"]:
        return f"release {found.get('release')}, and this job is of {identity['release']}"
    changed = [key for key in identity if found.get(key) != identity[key]]
    return f"another job: its {' and '.join(changed)} differ"
