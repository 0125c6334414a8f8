"""Is the next version honest about what changed for callers? The contract here, against the champion's."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.release_file import RELEASE_FILE, Bundle, verify
from slipway.contract.compatibility import LEVELS, Change, Level, changes, required_level
from slipway.contract.schema import Contract, read_contract
from slipway.settings.settings import CONTRACT_FILE, Settings
from slipway.target.target import Target
from slipway.versioning.next_version import Upcoming
from slipway.versioning.semver import least, step

_PREFIX = {
    "major": "`feat!: ...`, or a `BREAKING CHANGE: ...` footer under any type",
    "minor": "`feat: ...`",
    "patch": "`fix: ...`",
}


@dataclass(frozen=True)
class Published:
    """What callers rely on now: a contract and the version that it is of (empty: of none)."""

    version: str
    contract: Contract


@dataclass(frozen=True)
class Judgement:
    """The changes since the champion, the step that they need, the one that comes, and all of it in a sentence."""

    honest: bool
    sentence: str
    champion: str
    next: str
    required: Level
    changes: list[Change]


def published_by(bundle: Bundle) -> Published:
    """What a verified bundle promises to its callers, wherever it came from."""
    return Published(bundle.release.version, read_contract(bundle.path / CONTRACT_FILE))


def published_at(path: Path, last: str) -> Published:
    """What a bundle's folder promises, or a contract file: that one is taken to be of the ``last`` release.

    Raises:
        ContractError: the file is missing or is no contract.
        BundleError: the bundle's bytes are not the sealed ones.
    """
    if (path / RELEASE_FILE).exists():
        return published_by(verify(path))
    return Published(last, read_contract(path))


def published_here(settings: Settings) -> Published | None:
    """What the champion of the local target promises, if one serves."""
    champion = Target(settings.root / settings.target.path).champion()
    return published_by(champion) if champion else None


def published_on_github() -> Published | None:
    """What the release that GitHub calls Latest promises, if there is one; its bundle is downloaded and verified.

    Raises:
        GitHubError: it could not be downloaded.
        BundleError: the bytes are not the released ones.
    """
    from slipway.github.client import connect
    from slipway.github.download import fetch
    from slipway.github.releases import latest

    champion = latest(connect())
    if champion is None:
        return None
    with tempfile.TemporaryDirectory(prefix="slipway-champion-") as folder:
        return published_by(fetch(champion, Path(folder))[0])


def judge(contract: Contract, champion: Published | None, coming: Upcoming) -> Judgement:
    """Compare; the version must exceed the champion's by at least what the changes need."""
    if champion is None or not champion.version:
        sentence = "there is no release to compare with, so nothing was promised to any caller yet"
        return Judgement(True, sentence, "", coming.version, "none", [])
    found = changes(champion.contract, contract)
    needed = required_level(found)
    came = step(champion.version, coming.version) if coming.version else "none"
    honest = LEVELS.index(came) >= LEVELS.index(needed)
    sentence = _sentence(found, needed, champion.version, coming, honest)
    return Judgement(honest, sentence, champion.version, coming.version, needed, found)


def _sentence(found: list[Change], needed: Level, champion: str, coming: Upcoming, honest: bool) -> str:
    if not found:
        return f"nothing changed for callers of {champion}"
    listed = "; ".join(change.sentence for change in found)
    if honest:
        return f"{coming.version} is an honest step from {champion}, {needed} or more: {listed}"
    still = f"the version is still {coming.version}" if coming.version else "no commit asks for a version yet"
    what = f"the next version is {coming.version}" if coming.new else still
    return (
        f"callers of {champion} need at least {least(champion, needed)}, but {what}: {listed}; "
        f"it takes a commit such as {_PREFIX[needed]}"
    )
