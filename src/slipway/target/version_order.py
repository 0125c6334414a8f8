"""Check that a version can become champion: versions only move forward, except by a rollback."""

from __future__ import annotations

from semver import Version

from slipway.bundle.release_file import Bundle, version_in_name
from slipway.errors import HeldError, RolloutError
from slipway.target.target import Target


def check_may_follow(target: Target, version: str, *, allow_prerelease: bool) -> None:
    """Refuse, before any training, a version that could not be rolled out; the champion's own version is accepted.

    Raises:
        HeldError: rollouts are held.
        RolloutError: the version is a pre-release and the target does not accept these, or it is not newer than a past
            champion.
    """
    folder = target.champion_folder()
    if folder is not None and version_in_name(folder) == version:
        return
    new = _parse_version(version)
    _check_prerelease(target, new, allow_prerelease)
    check_not_held(target)
    for past in _past_versions(target):
        if new < _parse_version(past) or (new == _parse_version(past) and not new.prerelease):
            raise _not_newer_error(target, version, past)


def check_not_held(target: Target) -> None:
    """Refuse while a rollback holds automatic rollouts.

    Raises:
        HeldError: rollouts are held.
    """
    if (hold := target.active_hold()) is not None:
        raise HeldError(
            f"automatic rollouts to {target} are held because {hold.who} rolled back from {hold.from_} to {hold.to} "
            f'({hold.reason}); `slipway resume --reason "..."` lifts the hold; {target.champion_sentence()}'
        )


def check_order(target: Target, bundle: Bundle, allow_prerelease: bool) -> None:
    """Refuse a bundle that is not newer than every past champion; a rebuilt pre-release is accepted.

    Raises:
        RolloutError: it is not newer, or it is a pre-release and the target does not accept these.
    """
    version = _parse_version(bundle.release.version)
    _check_prerelease(target, version, allow_prerelease)
    for past, digests in _past_versions(target).items():
        # A working copy with uncommitted changes keeps its version while its model changes.
        rebuilt = version.prerelease and bundle.digest not in digests and version == _parse_version(past)
        if version <= _parse_version(past) and not rebuilt:
            raise _not_newer_error(target, bundle.release.version, past)


def _check_prerelease(target: Target, version: Version, allowed: bool) -> None:
    if version.prerelease and not allowed:
        raise RolloutError(
            f"{version} is a pre-release, which {target} does not accept: commit and tag it, or set "
            f"target.allow_prerelease; {target.champion_sentence()}"
        )


def _past_versions(target: Target) -> dict[str, set[str | None]]:
    """Every version that was champion, with its digests."""
    past: dict[str, set[str | None]] = {}
    for entry in target.past_champions():
        past.setdefault(entry.to or "", set()).add(entry.digest)
    # The champion counts even if the journal was lost.
    if (folder := target.champion_folder()) is not None:
        past.setdefault(version_in_name(folder), set())
    return past


def _not_newer_error(target: Target, version: str, past: str) -> RolloutError:
    if version == past:
        return _repeated_error(target, version)
    return RolloutError(
        f"{version} is not newer than {past}, which was champion of {target}: release a newer version, or go back "
        f'with `slipway rollback --reason "..."`; {target.champion_sentence()}'
    )


def _repeated_error(target: Target, version: str) -> RolloutError:
    """Return the error about a version that was champion itself."""
    if (folder := target.champion_folder()) is not None and version_in_name(folder) == version:
        return RolloutError(
            f"{version} is the champion of {target} already, with other files: release a newer version; nothing was changed"
        )
    rolled_back = version in map(version_in_name, target.rolled_back_releases())
    return RolloutError(
        f"{version} {'was rolled back' if rolled_back else 'was champion before'} and cannot be rolled out to {target} "
        f"again: release a newer version, or make this one champion again with `slipway rollback --to {version} --reason "
        f'"..."`; {target.champion_sentence()}'
    )


def _parse_version(version: str) -> Version:
    try:
        return Version.parse(version)
    except ValueError:
        raise RolloutError(f"'{version}' is not a semantic version, so it cannot be compared with others") from None
