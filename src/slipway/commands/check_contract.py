"""Check that the next version's bump covers every change for callers since the champion's contract."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.release_file import RELEASE_FILE, Bundle, verify
from slipway.commands.components.parameters import components_at, parameter_changes, read_components
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
    """The contract that callers rely on now, and its version (empty if it was never released)."""

    version: str
    contract: Contract


@dataclass(frozen=True)
class CompatibilityResult:
    """The changes since the champion, the bump that they require, the next version, and a sentence that sums it up.

    The fields are printed by `contract check --json`; ``honest`` is true if the next version's bump is large enough.
    """

    honest: bool
    sentence: str
    champion: str
    next: str
    required: Level
    changes: list[Change]


def read_published(settings: Settings, *, against: Path | None, github: bool, last: str) -> PublishedContract | None:
    """Return the contract to compare with, or None if there is no release yet.

    It is that of ``against``, of the release that GitHub marks as Latest, or of the local target's champion.

    Args:
        settings: the settings of the project.
        against: a bundle's folder, or a contract file, which counts as that of the ``last`` release.
        github: use the release that GitHub marks as Latest.
        last: the version of the last release.

    Raises:
        ContractError: the file is missing or is not a contract.
        BundleError: a bundle's files differ from the sealed or released ones.
        GitHubError: the bundle could not be downloaded.
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
    """Return the contract and version of a verified bundle."""
    return PublishedContract(bundle.release.version, read_contract(bundle.path / CONTRACT_FILE))


def _read_latest() -> PublishedContract | None:
    """Download and verify the bundle that GitHub marks as Latest, and return its contract and version."""
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
    """Compare the contracts and check that the next version is at least the required bump from the champion's."""
    if champion is None or not champion.version:
        sentence = "there is no release to compare with, so no caller is affected yet"
        return CompatibilityResult(True, sentence, "", next_version.version, "none", [])
    return check_bump(changes(champion.contract, contract), champion.version, next_version)


def check_bump(found: list[Change], since: str, next_version: NextVersion) -> CompatibilityResult:
    """Check that the next version is at least the bump that these changes ``since`` a version require."""
    needed = required_bump(found)
    bump = bump_between(since, next_version.version) if next_version.version else "none"
    honest = LEVELS.index(bump) >= LEVELS.index(needed)
    sentence = _explain_result(found, needed, since, next_version, honest)
    return CompatibilityResult(honest, sentence, since, next_version.version, needed, found)


def check_components(root: Path, next_version: NextVersion) -> CompatibilityResult:
    """Compare the parameters of the components in a repository with those of its last release, as contracts are.

    Raises:
        SettingsError: a component cannot be read.
    """
    after, last = read_components(root), next_version.last
    if not last:
        sentence = "there is no release to compare with, so no pipeline is affected yet"
        return CompatibilityResult(True, sentence, "", next_version.version, "none", [])
    return check_bump(list(parameter_changes(components_at(root, f"v{last}"), after)), last, next_version)


def _explain_result(found: list[Change], needed: Level, champion: str, next_version: NextVersion, honest: bool) -> str:
    if not found:
        return f"nothing changed for callers of {champion}"
    listed = "; ".join(change.sentence for change in found)
    if honest:
        return f"{next_version.version} is a large enough bump from {champion} (at least {needed}): {listed}"
    still = (
        f"the version is still {next_version.version}" if next_version.version else "no commit releases a version yet"
    )
    what = f"the next version is {next_version.version}" if next_version.new else still
    return (
        f"callers of {champion} need at least {smallest_bump(champion, needed)}, but {what}: {listed}; "
        f"add a commit such as {_COMMIT_EXAMPLES[needed]}"
    )
