"""What may become champion next: releases only go forward, unless a person goes back."""

from __future__ import annotations

from semver import Version

from slipway.bundle.release_file import Bundle, version_in_name
from slipway.errors import HeldError, RolloutError
from slipway.target.target import Target


def check_may_follow(target: Target, version: str, *, allow_prerelease: bool) -> None:
    """Refuse before any training what could never be rolled out; the champion's own version may be shipped again.

    Raises:
        HeldError: rollouts are held.
        RolloutError: the version is a pre-release, which the target does not take, or not newer than a past champion.
    """
    folder = target.champion_folder()
    if folder is not None and version_in_name(folder) == version:
        return
    asked = _parse_version(version)
    _check_prerelease(target, asked, allow_prerelease)
    check_not_held(target)
    for was in _past_versions(target):
        if asked < _parse_version(was) or (asked == _parse_version(was) and not asked.prerelease):
            raise _not_newer_error(target, version, was)


def check_not_held(target: Target) -> None:
    """Refuse while a rollback holds automatic rollouts.

    Raises:
        HeldError: one does.
    """
    if (hold := target.active_hold()) is not None:
        raise HeldError(
            f"automatic rollouts to {target} are held since {hold.who} rolled back from {hold.from_} to {hold.to} "
            f"({hold.reason}); `slipway resume` lifts the hold; {target.champion_sentence()}"
        )


def check_order(target: Target, bundle: Bundle, allow_prerelease: bool) -> None:
    """Refuse a bundle that is not newer than every past champion; a pre-release may be rebuilt.

    Raises:
        RolloutError: it is not, or it is a pre-release, which the target does not take.
    """
    version = _parse_version(bundle.release.version)
    _check_prerelease(target, version, allow_prerelease)
    for was, digests in _past_versions(target).items():
        rebuilt = version.prerelease and bundle.digest not in digests and version == _parse_version(was)
        if version <= _parse_version(was) and not rebuilt:
            raise _not_newer_error(target, bundle.release.version, was)


def _check_prerelease(target: Target, version: Version, allowed: bool) -> None:
    if version.prerelease and not allowed:
        raise RolloutError(
            f"{version} is a pre-release, which {target} does not take: commit and tag it, or set "
            f"target.allow_prerelease; {target.champion_sentence()}"
        )


def _past_versions(target: Target) -> dict[str, set[str | None]]:
    """Every version that was champion, with the digests it had."""
    past: dict[str, set[str | None]] = {}
    for entry in target.past_champions():
        past.setdefault(entry.to or "", set()).add(entry.digest)
    if (folder := target.champion_folder()) is not None:
        past.setdefault(version_in_name(folder), set())
    return past


def _not_newer_error(target: Target, version: str, was: str) -> RolloutError:
    return RolloutError(
        f"{version} is not newer than {was}, which was champion of {target}: release a newer version, or go back "
        f"with `slipway rollback`; {target.champion_sentence()}"
    )


def _parse_version(version: str) -> Version:
    try:
        return Version.parse(version)
    except ValueError:
        raise RolloutError(f"'{version}' is not a semantic version, so it has no place in the order") from None
