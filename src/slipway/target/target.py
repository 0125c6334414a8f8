"""The target, a directory with releases, the link ``current`` to the champion, a journal, and a lock over all three."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.bundle.release_file import Bundle, digest_in_name, verify, version_in_name
from slipway.bundle.signature import Trust
from slipway.errors import BundleError, BusyError, NotFoundError, SettingsError, StorageError
from slipway.storage import atomic
from slipway.storage.locks import exclusive_lock, lock_holder
from slipway.target import journal
from slipway.target.journal import Entry

if TYPE_CHECKING:
    from slipway.settings.settings import Settings

PATH_VARIABLE = "SLIPWAY_TARGET"
RECENT_CHAMPIONS = 3


def target_path(settings: Settings) -> Path:
    """The target's folder: ``SLIPWAY_TARGET``, or else the setting ``target.path``.

    Raises:
        SettingsError: it is inside a workflow's checkout, which the next checkout would delete.
    """
    path = settings.root / os.environ.get(PATH_VARIABLE, settings.target.path)
    workspace = os.environ.get("GITHUB_WORKSPACE") if os.environ.get("GITHUB_ACTIONS") == "true" else None
    if workspace and path.resolve().is_relative_to(Path(workspace).resolve()):
        raise SettingsError(
            f"the target {path} is inside the checkout {workspace}, which the next run deletes; set "
            f"{PATH_VARIABLE} (a repository variable) to a folder on the serving host"
        )
    return path


class Target:
    """A target on disk. Every call reads the disk again, since other commands can change it at any time."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.current = self.path / "current"
        self.journal = self.path / journal.JOURNAL_FILE

    def __str__(self) -> str:
        return str(self.path)

    def champion(self) -> Bundle | None:
        """The verified bundle that is served now; None if there is no champion.

        Raises:
            NotFoundError: ``current`` points to a missing folder.
            BundleError: the champion's bytes differ from the sealed ones.
        """
        folder = self.champion_folder()
        if folder is None:
            return None
        release = self.release_path(folder)
        try:
            return verify(release, expected_digest=digest_in_name(release))
        except (BundleError, NotFoundError) as error:
            sentence = f"the champion is damaged: {error}; nothing was changed; `slipway doctor` may restore it"
            raise type(error)(sentence) from None

    def champion_folder(self) -> str | None:
        """The name of the champion's folder inside ``releases/``, without reading that folder."""
        try:
            return self.current.readlink().name
        except FileNotFoundError:
            return None
        except OSError as error:
            what = "is not a link to a champion" if self.current.exists() else f"cannot be read: {error.strerror}"
            raise StorageError(
                f"{self.current} {what}; nothing was changed; `slipway doctor` shows how to fix it"
            ) from None

    def champion_sentence(self) -> str:
        """The end of an error message: that the champion has not changed."""
        folder = self.champion_folder()
        return "there is still no champion" if folder is None else f"the champion is still {version_in_name(folder)}"

    def release_path(self, folder: str) -> Path:
        """The path of the release with this folder name, whether it exists or not."""
        return self.path / "releases" / folder

    def record_path(self, folder: str) -> Path:
        """The path where the ``release.json`` of a removed release is kept."""
        return self.path / "records" / f"{folder}.json"

    def releases(self) -> list[str]:
        """The names of the release folders in this target."""
        found = (self.path / "releases").glob("[!.]*")
        return sorted(path.name for path in found if path.is_dir())

    def entries(self) -> list[Entry]:
        """Every journal entry, oldest first."""
        return journal.read(self.journal)

    def past_champions(self) -> list[Entry]:
        """The entries that made a release champion, oldest first, including the current one."""
        return journal.champion_entries(self.entries())

    def rolled_back_releases(self) -> set[str]:
        """The folder names of releases that were rolled back and that no later rollback made champion again."""
        return journal.rolled_back(self.entries())

    def active_hold(self) -> Entry | None:
        """The newest rollback after the last resume, which holds automatic rollouts; None if there is no hold."""
        return journal.active_hold(self.entries())

    def unused_releases(self) -> list[str]:
        """The release folders that never were champion, left by refused and killed rollouts."""
        proved, champion = {entry.folder for entry in self.past_champions()}, self.champion_folder()
        # If the journal does not contain the champion, the journal was lost, and any folder may be a past champion.
        lost = champion is not None and champion not in proved
        return [] if lost else [folder for folder in self.releases() if folder not in proved]

    def past_champion(self, to: str | None) -> Entry:
        """The newest past champion in this target, except the current one.

        Args:
            to: a version or a folder name; without it, releases that were rolled back are skipped.

        Raises:
            NotFoundError: there is none.
        """
        current, bad, here = self.champion_folder(), self.rolled_back_releases(), self.releases()
        past = [entry for entry in reversed(self.past_champions()) if entry.folder != current]
        fitting = [entry for entry in past if (to in {entry.to, entry.folder} if to else entry.folder not in bad)]
        if present := [entry for entry in fitting if entry.folder in here]:
            return present[0]
        wanted = f"no earlier release {to} to roll back to" if to else "no earlier good release to roll back to"
        removed = f" ({fitting[0].folder} is missing; `slipway doctor` may restore it)" if fitting else ""
        present_names = f"releases in {self}: {', '.join(here) or 'none'}"
        raise NotFoundError(f"there is {wanted}{removed}; {present_names}; {self.champion_sentence()}")

    def flip(self, folder: str | None) -> None:
        """Switch ``current`` to a release in one atomic step; with None, remove the link."""
        if folder is None:
            atomic.remove_link(self.current)
        else:
            atomic.swap_link(self.current, f"releases/{folder}")

    def holder(self) -> str | None:
        """Who holds the lock of the target now; None if nobody does. Writes nothing."""
        return lock_holder(self.path / "lock")

    def lock(self, who: str, *, create: bool = False) -> AbstractContextManager[None]:
        """Lock the target against every other command that changes it.

        Raises:
            NotFoundError: the folder does not exist, and ``create`` is False.
            BusyError: another command holds the lock.
            StorageError: the target cannot be written.
        """
        if not (create or self.path.is_dir()):
            raise NotFoundError(f"no target at {self}; nothing was changed; `slipway ship` creates it")
        return exclusive_lock(self.path / "lock", who, busy_error=self._busy_error)

    def _busy_error(self, by: str) -> BusyError:
        return BusyError(f"{by} holds the lock of {self}; {self.champion_sentence()}; try again later")


def recent_champions(target: Target) -> list[Bundle]:
    """The newest past champions that are still in the target and were not rolled back, newest first.

    Raises:
        BundleError: the bytes of one differ from the sealed ones.
    """
    bad, here, folders = target.rolled_back_releases(), target.releases(), dict.fromkeys(
        entry.folder for entry in reversed(target.past_champions()) if entry.folder
    )  # fmt: skip
    kept = [folder for folder in folders if folder in here and folder not in bad and folder != target.champion_folder()]
    return [verify(target.release_path(folder)) for folder in kept[:RECENT_CHAMPIONS]]


def target_of(settings: Settings) -> Target:
    """The target that the settings or ``SLIPWAY_TARGET`` name."""
    return Target(target_path(settings))


def trust_of(settings: Settings) -> Trust:
    """The signer that ``[trust]`` requires, with the key's path relative to the settings file."""
    trust = settings.trust
    key = trust.public_key and settings.root / trust.public_key
    return Trust(key, trust.identity, trust.issuer, bool(trust.allow_unsigned))
