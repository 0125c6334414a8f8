"""Find inconsistencies between target, registry and servers, fix the safe ones, and name a command for the rest."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from slipway.commands.project.consistency import edited_files, find_disagreements
from slipway.commands.status import read_status
from slipway.errors import (
    BundleError,
    BusyError,
    InconsistentStateError,
    RegistrySyncError,
    RolloutError,
    SlipwayError,
    StorageError,
)
from slipway.rollout.registry_mirror import read_registry_champion, sync_registry
from slipway.rollout.release_copies import find_damage, remove_unused, restore
from slipway.settings.settings import Settings
from slipway.settings.state_folder import bundles_folder, ship_lock
from slipway.storage import atomic
from slipway.target import journal
from slipway.target.journal import Entry, current_actor
from slipway.target.readiness import live_servers, remove_dead_servers, wait_for_workers
from slipway.target.target import Target
from slipway.target.transaction import settle

Kind = Literal[
    "link", "journal", "interrupted", "damaged", "copy", "leftover", "registry", "server", "held", "version", "edited"
]
_ERROR_BY_KIND: dict[Kind, type[SlipwayError]] = {
    "link": StorageError,
    "journal": RolloutError,
    "damaged": BundleError,
    "registry": RegistrySyncError,
}
_NO_ERROR: tuple[Kind, ...] = ("held", "edited")
"""Decisions of the user, which are reported only."""
_SERVER_TIMEOUT = 5.0


class Issue(msgspec.Struct, frozen=True):
    """An inconsistency: what and where, whether it is repaired now, and the command that repairs it if not."""

    kind: Kind
    what: str
    where: str
    # The JSON of `doctor --json` keeps the field's first name; scripts read it.
    repaired: bool = msgspec.field(name="mended", default=False)
    command: str | None = None


def check_and_repair(settings: Settings, target: Target) -> list[Issue]:
    """Check everything, repair what is safe to repair, and return all findings.

    Raises:
        NotFoundError: the target does not exist.
        BusyError: another command is running on the target.
    """
    if broken := list(_check_readable(target)):
        return broken
    found = [*_settle_interrupted(target), *_restore_damaged(settings, target), *_remove_leftovers(settings, target)]
    found += [*_sync_registry(settings, target), *_check_servers(target), *_check_hold(target)]
    return [*found, *_check_project(settings)]


def remaining_error(issues: Sequence[Issue]) -> SlipwayError | None:
    """Return the error to exit with for the findings that remain, if any; a user's decision is not an error."""
    left = [issue for issue in issues if not issue.repaired and issue.kind not in _NO_ERROR]
    if not left:
        return None
    kinds = {_ERROR_BY_KIND.get(issue.kind, InconsistentStateError) for issue in left}
    error = kinds.pop() if len(kinds) == 1 else InconsistentStateError
    return error("; ".join(issue.what for issue in left))


def _check_readable(target: Target) -> Iterator[Issue]:
    """Yield what blocks every command. A person must decide about it, so nothing is repaired here."""
    if (number := journal.malformed_line(target.journal)) is not None:
        what = f"line {number} of {target.journal} is malformed"
        yield Issue("journal", what, str(target.journal), False, f"sed -i.bak {number}d {_shell_quote(target.journal)}")
        return
    try:
        target.champion_folder()
    except StorageError as error:
        current, proved = _shell_quote(target.current), target.past_champions()
        back = f" && ln -s releases/{proved[-1].folder} {current}" if proved else ""
        yield Issue("link", str(error), str(target.current), False, f"mv {current} {current}.was{back}")


def _settle_interrupted(target: Target) -> Iterator[Issue]:
    for entry in settle(target, who=current_actor()):
        what = f"the {entry.action} from {entry.from_} to {entry.to} by {entry.who} was interrupted and is rolled back"
        yield Issue("interrupted", what, str(target.journal), True)


def _restore_damaged(settings: Settings, target: Target) -> Iterator[Issue]:
    for entry, why in find_damage(target):
        folder = target.release_path(entry.folder or "")
        restored = restore(target, entry, bundles_folder(settings), who=current_actor())
        command = None if restored else _suggest_repair(target, entry)
        yield Issue("damaged", f"{entry.to} is damaged: {why}", str(folder), restored, command)


def _suggest_repair(target: Target, entry: Entry) -> str:
    if entry.folder != target.champion_folder():
        return f"rm -r {_shell_quote(target.release_path(entry.folder or ''))}"
    broken = {other.folder for other, _ in find_damage(target)}
    past = [e.folder for e in target.past_champions() if e.folder not in broken | target.rolled_back_releases()]
    if set(past) & set(target.releases()):
        return f"slipway rollback --reason 'the bytes of {entry.to} were damaged'"
    return f"rm {_shell_quote(target.current)}"


def _remove_leftovers(settings: Settings, target: Target) -> Iterator[Issue]:
    remove_dead_servers(target.path)
    for name in remove_unused(target, who=current_actor()):
        yield Issue("copy", f"{name} is left over from an unproved rollout", str(target.release_path(name)), True)
    for name in target.unused_releases():
        what = f"{name} was never proved, but a server still serves it"
        yield Issue("copy", what, str(target.release_path(name)), False, "slipway doctor")
    try:
        with ship_lock(settings):
            swept = atomic.sweep(bundles_folder(settings))
    except BusyError:
        return
    for path in swept:
        yield Issue("leftover", f"{path.name} is an incomplete bundle of a killed ship", str(path), True)


def _sync_registry(settings: Settings, target: Target) -> Iterator[Issue]:
    where = "the MLflow registry"
    try:
        for change in sync_registry(settings, target):
            yield Issue("registry", change, where, True)
    except RegistrySyncError as error:
        yield Issue("registry", str(error), where, False, "slipway doctor")
    except SlipwayError:
        return  # A damaged champion is reported by _restore_damaged.
    if target.champion_folder() is None and (named := read_registry_champion(settings).release):
        what = f"the registry names {named} as champion, but {target} has none"
        yield Issue("registry", what, where, False, "slipway ship")


def _check_servers(target: Target) -> Iterator[Issue]:
    target_status, _ = read_status(target)
    if target_status.batch.digest:
        # Workers that are loading a new champion get a few seconds before they count as lagging.
        wait_for_workers(target.path, target_status.batch.digest, _SERVER_TIMEOUT)
    ports = {server.pid: server for server in live_servers(target.path)}
    target_status, _ = read_status(target)
    for state in target_status.realtime.servers:
        if state.problems and (server := ports.get(state.pid)):
            serve = f"slipway serve --host {server.host} --port {server.port} --workers {server.workers}"
            yield Issue("server", "; ".join(state.problems), state.address, False, f"kill {server.pid}; {serve}")


def _check_hold(target: Target) -> Iterator[Issue]:
    if (held := target.active_hold()) is not None:
        what = (
            f"automatic rollouts are on hold since {held.who} rolled back from {held.from_} to {held.to}: {held.reason}"
        )
        yield Issue("held", what, str(target), False, "slipway resume --reason '...'")


def _check_project(settings: Settings) -> Iterator[Issue]:
    for what, command in find_disagreements(settings.root):
        yield Issue("version", what, str(settings.root), False, command)
    if edited := edited_files(settings.root):
        what = f"you changed files of the template: {', '.join(edited)}; `slipway upgrade` keeps your changes"
        yield Issue("edited", what, str(settings.root))


def _shell_quote(path: object) -> str:
    return shlex.quote(str(path))
