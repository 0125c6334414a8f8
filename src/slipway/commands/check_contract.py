"""Is the next version honest about what changed for callers? The contract here, against the champion's."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.release_file import RELEASE_FILE, Bundle, verify
from slipway.contract.compatibility import LEVELS, Change, Level, changes, required_bump
from slipway.contract.schema import Contract, read_contract
from slipway.settings.settings import CONTRACT_FILE, Settings
from slipway.target.target import Target
from slipway.versioning.next_version import NextVersion
from slipway.versioning.semver import bump_between, smallest_bump

_COMMIT_EXAMPLES = {
    "major": "`feat!: ...`, or a `BREAKING CHANGE: ...` footer under any type",
    "minor": "`feat: ...`",
    "patch": "`fix: ...`",
}


@dataclass(frozen=True)
class PublishedContract:
    """What callers rely on now: a contract and the version that it is of (empty: of none)."""

    version: str
    contract: Contract


@dataclass(frozen=True)
class CompatibilityResult:
    """The changes since the champion, the step that they need, the one that comes, and all of it in a sentence."""

    honest: bool
    sentence: str
    champion: str
    next: str
    required: Level
    changes: list[Change]


def read_published(settings: Settings, *, against: Path | None, github: bool, last: str) -> PublishedContract | None:
    """What callers rely on: ``against``, what GitHub calls Latest, or the champion of the local target, if there is one.

    Args:
        against: a bundle's folder, or a contract file: that one is taken to be of the ``last`` release.

    Raises:
        ContractError: the file is missing or is no contract.
        BundleError: a bundle's bytes are not the sealed or released ones.
        GitHubError: it could not be downloaded.
    """
    if against and not (against / RELEASE_FILE).exists():
        return PublishedContract(last, read_contract(against))
    if against:
        return _read_bundle(verify(against))
    if github:
        return _read_latest()
    champion = Target(settings.root / settings.target.path).champion()
    return _read_bundle(champion) if champion else None


def _read_bundle(bundle: Bundle) -> PublishedContract:
    """What a verified bundle promises to its callers, wherever it came from."""
    return PublishedContract(bundle.release.version, read_contract(bundle.path / CONTRACT_FILE))


def _read_latest() -> PublishedContract | None:
    """The same of the release that GitHub calls Latest; its bundle is downloaded and verified."""
    from slipway.github.client import connect
    from slipway.github.download import fetch_bundle
    from slipway.github.releases import latest_release

    champion = latest_release(connect())
    if champion is None:
        return None
    with tempfile.TemporaryDirectory(prefix="slipway-champion-") as folder:
        return _read_bundle(fetch_bundle(champion, Path(folder))[0])


def check_compatibility(
    contract: Contract, champion: PublishedContract | None, next_version: NextVersion
) -> CompatibilityResult:
    """Compare; the version must exceed the champion's by at least what the changes need."""
    if champion is None or not champion.version:
        sentence = "there is no release to compare with, so nothing was promised to any caller yet"
        return CompatibilityResult(True, sentence, "", next_version.version, "none", [])
    found = changes(champion.contract, contract)
    needed = required_bump(found)
    came = bump_between(champion.version, next_version.version) if next_version.version else "none"
    honest = LEVELS.index(came) >= LEVELS.index(needed)
    sentence = _explain_result(found, needed, champion.version, next_version, honest)
    return CompatibilityResult(honest, sentence, champion.version, next_version.version, needed, found)


def _explain_result(found: list[Change], needed: Level, champion: str, next_version: NextVersion, honest: bool) -> str:
    if not found:
        return f"nothing changed for callers of {champion}"
    listed = "; ".join(change.sentence for change in found)
    if honest:
        return f"{next_version.version} is an honest step from {champion}, {needed} or more: {listed}"
    still = (
        f"the version is still {next_version.version}" if next_version.version else "no commit asks for a version yet"
    )
    what = f"the next version is {next_version.version}" if next_version.new else still
    return (
        f"callers of {champion} need at least {smallest_bump(champion, needed)}, but {what}: {listed}; "
        f"it takes a commit such as {_COMMIT_EXAMPLES[needed]}"
    )
