"""What disagrees in the world, mended where that is safe, and the one command that mends the rest."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from slipway.commands.status import look
from slipway.errors import (
    BundleError,
    BusyError,
    DisagreementError,
    MirrorOwedError,
    RolloutError,
    SlipwayError,
    StorageError,
)
from slipway.rollout.registry_mirror import mirror, registered
from slipway.rollout.release_copies import clear, damaged, restore
from slipway.settings.settings import Settings
from slipway.settings.state_folder import bundles, ship_lock
from slipway.storage import atomic
from slipway.target import journal
from slipway.target.journal import Entry, whoami
from slipway.target.readiness import await_workers, forget_dead_servers, live_servers
from slipway.target.target import Target
from slipway.target.transaction import settle

Kind = Literal["link", "journal", "interrupted", "damaged", "copy", "leftover", "registry", "server", "held"]
_CODES: dict[Kind, type[SlipwayError]] = {
    "link": StorageError,
    "journal": RolloutError,
    "damaged": BundleError,
    "registry": MirrorOwedError,
}
_SERVER_SECONDS = 5.0


class Finding(msgspec.Struct, frozen=True):
    """One thing that disagreed: what and where, whether it agrees now, and the command that mends it if not."""

    kind: Kind
    what: str
    where: str
    mended: bool
    command: str | None = None


def examine(settings: Settings, target: Target) -> list[Finding]:
    """Look at everything, mend what is safe to mend, and say the rest.

    Raises:
        NotFoundError: there is no target.
        BusyError: a command is at work on it.
    """
    if broken := list(_unreadable(target)):
        return broken
    found = [*_interrupted(target), *_damaged(settings, target), *_copies(settings, target)]
    return [*found, *_registry(settings, target), *_servers(target), *_held(target)]


def problem(findings: Sequence[Finding]) -> SlipwayError | None:
    """The error that the unmended findings amount to; a hold is somebody's decision and none."""
    left = [finding for finding in findings if not finding.mended and finding.kind != "held"]
    if not left:
        return None
    kinds = {_CODES.get(finding.kind, DisagreementError) for finding in left}
    error = kinds.pop() if len(kinds) == 1 else DisagreementError
    return error("; ".join(finding.what for finding in left))


def _unreadable(target: Target) -> Iterator[Finding]:
    """What keeps every command out: it is not ours to guess what a person meant by it."""
    if (number := journal.malformed_line(target.journal)) is not None:
        what = f"line {number} of {target.journal} is malformed"
        yield Finding("journal", what, str(target.journal), False, f"sed -i.bak {number}d {_quoted(target.journal)}")
        return
    try:
        target.champion_folder()
    except StorageError as error:
        current, proved = _quoted(target.current), target.past_champions()
        back = f" && ln -s releases/{proved[-1].folder} {current}" if proved else ""
        yield Finding("link", str(error), str(target.current), False, f"mv {current} {current}.was{back}")


def _interrupted(target: Target) -> Iterator[Finding]:
    for entry in settle(target, who=whoami()):
        what = f"the {entry.action} from {entry.from_} to {entry.to} by {entry.who} was interrupted, and is taken back"
        yield Finding("interrupted", what, str(target.journal), True)


def _damaged(settings: Settings, target: Target) -> Iterator[Finding]:
    for entry, why in damaged(target):
        folder = target.release(entry.folder or "")
        restored = restore(target, entry, bundles(settings), who=whoami())
        command = None if restored else _way_out(target, entry)
        yield Finding("damaged", f"{entry.to} is damaged: {why}", str(folder), restored, command)


def _way_out(target: Target, entry: Entry) -> str:
    if entry.folder != target.champion_folder():
        return f"rm -r {_quoted(target.release(entry.folder or ''))}"
    broken = {other.folder for other, _ in damaged(target)}
    past = [e.folder for e in target.past_champions() if e.folder not in broken | target.bad_releases()]
    if set(past) & set(target.releases()):
        return f"slipway rollback --reason 'the bytes of {entry.to} were damaged'"
    return f"rm {_quoted(target.current)}"


def _copies(settings: Settings, target: Target) -> Iterator[Finding]:
    forget_dead_servers(target.path)
    for name in clear(target, who=whoami()):
        yield Finding("copy", f"{name} was left by a rollout that never proved it", str(target.release(name)), True)
    for name in target.unproved_copies():
        what = f"{name} was never proved, and a server still serves it"
        yield Finding("copy", what, str(target.release(name)), False, "slipway doctor")
    try:
        with ship_lock(settings):
            swept = atomic.sweep(bundles(settings))
    except BusyError:
        return
    for path in swept:
        yield Finding("leftover", f"{path.name} was left half-made by a ship that was killed", str(path), True)


def _registry(settings: Settings, target: Target) -> Iterator[Finding]:
    where = "the MLflow registry"
    try:
        for told in mirror(settings, target):
            yield Finding("registry", told, where, True)
    except MirrorOwedError as error:
        yield Finding("registry", str(error), where, False, "slipway doctor")
    except SlipwayError:
        return  # A champion that is damaged was found already.
    if target.champion_folder() is None and (named := registered(settings).release):
        what = f"the registry names {named} as champion, but {target} has none"
        yield Finding("registry", what, where, False, "slipway ship")


def _servers(target: Target) -> Iterator[Finding]:
    place, _ = look(target)
    if place.batch.digest:
        await_workers(target.path, place.batch.digest, _SERVER_SECONDS)
    ports = {server.pid: server for server in live_servers(target.path)}
    place, _ = look(target)
    for state in place.realtime.servers:
        if state.problems and (server := ports.get(state.pid)):
            serve = f"slipway serve --host {server.host} --port {server.port} --workers {server.workers}"
            yield Finding("server", "; ".join(state.problems), state.address, False, f"kill {server.pid}; {serve}")


def _held(target: Target) -> Iterator[Finding]:
    if (held := target.held()) is not None:
        what = f"automatic rollouts are held since {held.who} rolled back from {held.from_} to {held.to}: {held.reason}"
        yield Finding("held", what, str(target), False, "slipway resume --reason 'why they may go on'")


def _quoted(path: object) -> str:
    return shlex.quote(str(path))
