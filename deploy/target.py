"""A directory that serves: its releases, the link ``current`` to the champion, its journal, and the lock over them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deploy import durable, journal
from deploy.bundle import Bundle, digest_in_name, verify
from deploy.journal import Entry
from pipeline.errors import BusyError, NotFoundError, SettingsError, StorageError

if TYPE_CHECKING:
    from pipeline.settings import Settings

PATH_VARIABLE = "SLIPWAY_TARGET"


def path_of(settings: Settings) -> Path:
    """The target's folder: as ``SLIPWAY_TARGET`` names it, or else the settings.

    Raises:
        SettingsError: a workflow's checkout holds it, which the next checkout would clean away.
    """
    path = settings.root / os.environ.get(PATH_VARIABLE, settings.target.path)
    workspace = os.environ.get("GITHUB_WORKSPACE") if os.environ.get("GITHUB_ACTIONS") == "true" else None
    if workspace and path.resolve().is_relative_to(Path(workspace).resolve()):
        raise SettingsError(
            f"the target {path} is inside the checkout {workspace}, which the next run cleans away; set "
            f"{PATH_VARIABLE} (a repository variable) to a folder of the serving host"
        )
    return path


class Target:
    """What a target says of itself. Everything is read afresh from the disk at each call."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.current = self.path / "current"
        self.journal = self.path / journal.JOURNAL_FILE

    def __str__(self) -> str:
        return str(self.path)

    def champion(self) -> Bundle | None:
        """The verified bundle that serves now, if one does.

        Raises:
            NotFoundError: ``current`` leads nowhere.
            BundleError: its bytes are not the sealed ones.
        """
        folder = self.champion_folder()
        if folder is None:
            return None
        release = self.release(folder)
        return verify(release, expected_digest=digest_in_name(release))

    def champion_folder(self) -> str | None:
        """The name of the champion's folder inside ``releases/``, without a look into it."""
        try:
            return self.current.readlink().name
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{self.current} is not a link that can be read: {error.strerror}") from None

    def champion_sentence(self) -> str:
        """What an error says of the champion: that it has not moved."""
        folder = self.champion_folder()
        return "there is still no champion" if folder is None else f"the champion is still {version_of(folder)}"

    def release(self, folder: str) -> Path:
        """Where the release with this folder name is, or will be."""
        return self.path / "releases" / folder

    def releases(self) -> list[str]:
        """The names of the release folders that are here."""
        found = (self.path / "releases").glob("[!.]*")
        return sorted(path.name for path in found if path.is_dir())

    def entries(self) -> list[Entry]:
        """The journal."""
        return journal.read(self.journal)

    def past_champions(self) -> list[Entry]:
        """The entries that made a release champion, oldest first, the present one included."""
        return journal.proved(self.entries())

    def bad_releases(self) -> set[str]:
        """The folder names that a rollback left behind and none chose again."""
        bad: set[str] = set()
        for entry in self.past_champions():
            if entry.action == "rollback":
                bad |= {entry.from_folder} if entry.from_folder else set()
                bad.discard(entry.folder or "")
        return bad

    def held(self) -> Entry | None:
        """The last rollback since the last resume, which holds automatic rollouts."""
        holding: Entry | None = None
        for entry in self.entries():
            if entry.action == "resume":
                holding = None
            elif entry.action == "rollback" and entry.outcome == "proved":
                holding = entry
        return holding

    def past_champion(self, to: str | None) -> Entry:
        """The latest past champion here that is not the present one: of a version or folder name, or else not bad.

        Raises:
            NotFoundError: there is none.
        """
        current, bad, here = self.champion_folder(), self.bad_releases(), self.releases()
        past = [entry for entry in reversed(self.past_champions()) if entry.folder in here and entry.folder != current]
        fitting = [entry for entry in past if (to in {entry.to, entry.folder} if to else entry.folder not in bad)]
        if fitting:
            return fitting[0]
        wanted = f"no past champion {to}" if to else "no past champion that is not marked bad"
        there = ", ".join(here) or "none"
        raise NotFoundError(f"{self} has {wanted} to go back to; its releases: {there}; {self.champion_sentence()}")

    def flip(self, folder: str | None) -> None:
        """Make a release the champion, or leave the target without one."""
        if folder is None:
            durable.remove_link(self.current)
        else:
            durable.swap_link(self.current, f"releases/{folder}")

    @contextmanager
    def lock(self, who: str, *, create: bool = False) -> Iterator[None]:
        """Keep every other command that changes the target out; the lock dies with its process.

        Raises:
            NotFoundError: there is no such folder, and it is not to be created.
            BusyError: another command holds it.
            StorageError: the target cannot be written.
        """
        if not (create or self.path.is_dir()):
            raise NotFoundError(f"there is no target {self}")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(f"{self} cannot be written: {error.strerror}; nothing was changed") from None
        try:
            self._take(descriptor, who)
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int, who: str) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 1000, 0).decode(errors="replace") or "another process"
            raise BusyError(f"{holder} holds the lock of {self}; {self.champion_sentence()}; try again later") from None
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} of {who}".encode(), 0)
        except OSError as error:
            raise StorageError(f"{self.path / 'lock'} cannot be written: {error.strerror}") from None


def version_of(folder: str) -> str:
    """The version in a release folder's name."""
    return folder.rpartition("-")[0] or folder
