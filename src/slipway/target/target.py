"""A directory that serves: its releases, the link ``current`` to the champion, its journal, and the lock over them."""

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
        release = self.release_path(folder)
        try:
            return verify(release, expected_digest=digest_in_name(release))
        except (BundleError, NotFoundError) as error:
            sentence = f"the champion is damaged: {error}; nothing was changed; `slipway doctor` may restore it"
            raise type(error)(sentence) from None

    def champion_folder(self) -> str | None:
        """The name of the champion's folder inside ``releases/``, without a look into it."""
        try:
            return self.current.readlink().name
        except FileNotFoundError:
            return None
        except OSError as error:
            what = "is no link to a champion" if self.current.exists() else f"cannot be read: {error.strerror}"
            raise StorageError(
                f"{self.current} {what}; nothing was changed; `slipway doctor` says how to mend it"
            ) from None

    def champion_sentence(self) -> str:
        """What an error says of the champion: that it has not moved."""
        folder = self.champion_folder()
        return "there is still no champion" if folder is None else f"the champion is still {version_in_name(folder)}"

    def release_path(self, folder: str) -> Path:
        """Where the release with this folder name is, or will be."""
        return self.path / "releases" / folder

    def record_path(self, folder: str) -> Path:
        """Where the ``release.json`` of a release is kept that is no longer here."""
        return self.path / "records" / f"{folder}.json"

    def releases(self) -> list[str]:
        """The names of the release folders that are here."""
        found = (self.path / "releases").glob("[!.]*")
        return sorted(path.name for path in found if path.is_dir())

    def entries(self) -> list[Entry]:
        """The journal."""
        return journal.read(self.journal)

    def past_champions(self) -> list[Entry]:
        """The entries that made a release champion, oldest first, the present one included."""
        return journal.champion_entries(self.entries())

    def rolled_back_releases(self) -> set[str]:
        """The folder names that a rollback left behind and none chose again."""
        return journal.rolled_back(self.entries())

    def active_hold(self) -> Entry | None:
        """The last rollback since the last resume, which holds automatic rollouts."""
        return journal.active_hold(self.entries())

    def unused_releases(self) -> list[str]:
        """The release folders that never were champion: what refused and killed rollouts left here."""
        proved, champion = {entry.folder for entry in self.past_champions()}, self.champion_folder()
        # A champion that the journal does not know means that the journal is lost, and with it what was proved.
        lost = champion is not None and champion not in proved
        return [] if lost else [folder for folder in self.releases() if folder not in proved]

    def past_champion(self, to: str | None) -> Entry:
        """The latest past champion here that is not the present one: of a version or folder name, or else not bad.

        Raises:
            NotFoundError: there is none.
        """
        current, bad, here = self.champion_folder(), self.rolled_back_releases(), self.releases()
        past = [entry for entry in reversed(self.past_champions()) if entry.folder != current]
        fitting = [entry for entry in past if (to in {entry.to, entry.folder} if to else entry.folder not in bad)]
        if present := [entry for entry in fitting if entry.folder in here]:
            return present[0]
        wanted = f"no past champion {to}" if to else "no past champion that is not marked bad"
        gone = f" ({fitting[0].folder} is gone; `slipway doctor` may restore it)" if fitting else ""
        there = f"its releases: {', '.join(here) or 'none'}"
        raise NotFoundError(f"{self} has {wanted} to go back to{gone}; {there}; {self.champion_sentence()}")

    def flip(self, folder: str | None) -> None:
        """Make a release the champion, or leave the target without one."""
        if folder is None:
            atomic.remove_link(self.current)
        else:
            atomic.swap_link(self.current, f"releases/{folder}")

    def holder(self) -> str | None:
        """Who is at work on the target now, if anyone is; nothing is written."""
        return lock_holder(self.path / "lock")

    def lock(self, who: str, *, create: bool = False) -> AbstractContextManager[None]:
        """Keep every other command that changes the target out.

        Raises:
            NotFoundError: there is no such folder, and it is not to be created.
            BusyError: another command holds it.
            StorageError: the target cannot be written.
        """
        if not (create or self.path.is_dir()):
            raise NotFoundError(f"there is no target {self}")
        return exclusive_lock(self.path / "lock", who, busy_error=self._busy_error)

    def _busy_error(self, by: str) -> BusyError:
        return BusyError(f"{by} holds the lock of {self}; {self.champion_sentence()}; try again later")


def recent_champions(target: Target) -> list[Bundle]:
    """The last champions that are still here and were never marked bad, newest first.

    Raises:
        BundleError: the bytes of one are not the sealed ones.
    """
    bad, here, folders = target.rolled_back_releases(), target.releases(), dict.fromkeys(
        entry.folder for entry in reversed(target.past_champions()) if entry.folder
    )  # fmt: skip
    kept = [folder for folder in folders if folder in here and folder not in bad and folder != target.champion_folder()]
    return [verify(target.release_path(folder)) for folder in kept[:RECENT_CHAMPIONS]]


def target_of(settings: Settings) -> Target:
    """The place that serves."""
    return Target(target_path(settings))


def trust_of(settings: Settings) -> Trust:
    """Whose signature a bundle must carry, with the key's path from where the settings stand."""
    trust = settings.trust
    return Trust(trust.public_key and settings.root / trust.public_key, trust.identity, trust.issuer)
