"""Download the bundle of a published release, check its digests, unpack it and verify it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.bundle.release_assets import BUNDLE_SUFFIX, SIGNATURE, SUMS, check_files, parse_sums, unpack
from slipway.bundle.release_file import Bundle, verify
from slipway.bundle.signature import Trust, check_signature
from slipway.errors import BundleError, BusyError, NotFoundError
from slipway.github.client import github_errors
from slipway.github.deployments import records
from slipway.github.releases import assets_of, bundle_asset, champions, latest_release
from slipway.storage.digests import file_digest
from slipway.storage.locks import exclusive_lock

if TYPE_CHECKING:
    from github.GitRelease import GitRelease
    from github.Repository import Repository

_CHUNK = 1 << 20


def fetch_bundle(release: GitRelease, into: Path) -> tuple[Bundle, Path | None]:
    """Download and verify a release's bundle; returns it with its signature file, or None if the page has no signature.

    Raises:
        NotFoundError: the page has no bundle, because the gate refused the release.
        BundleError: the bytes differ from the released ones; none of them is used.
        GitHubError: the download failed.
    """
    tag, assets = release.tag_name, {asset.name: asset for asset in assets_of(release)}
    packed = next((name for name in assets if name.endswith(BUNDLE_SUFFIX)), None)
    if packed is None or SUMS not in assets:
        raise NotFoundError(f"the release page of {tag} has no bundle: the gate refused it; nothing was changed")
    sums = parse_sums(_download(assets[SUMS], into).read_text(), f"{SUMS} of {tag}")
    if packed not in sums:
        raise BundleError(f"{SUMS} of {tag} does not list {packed}; nothing was changed")
    archive = _download(assets[packed], into)
    check_files(into, {packed: sums[packed]})
    bundle = verify(unpack(archive, into / "bundle"))
    archive.unlink()
    if f"v{bundle.release.version}" != tag:
        raise BundleError(
            f"the release page of {tag} contains a bundle of {bundle.release.version}; nothing was changed"
        )
    return bundle, _download(assets[SIGNATURE], into) if SIGNATURE in assets else None


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """An empty folder for downloads, for one process at a time; files of a killed process are removed first.

    Raises:
        BusyError: another process downloads there.
    """
    busy = BusyError(f"another `slipway pull` is running in {folder.parent}; nothing was started")
    with exclusive_lock(folder.with_name(f"{folder.name}.lock"), "slipway pull", busy_error=lambda _: busy):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _download(asset: Any, into: Path) -> Path:
    path = into / str(asset.name)
    with github_errors(f"{asset.name} could not be downloaded; nothing was changed"):
        asset.download_asset(str(path), chunk_size=_CHUNK)
    # GitHub reports digests only for assets uploaded since June 2025; the list SHA256SUMS covers the bundle in any case.
    # https://github.blog/changelog/2025-06-03-releases-now-expose-digests-for-release-assets/
    wanted = str(asset.digest or "").removeprefix("sha256:")
    if wanted and (actual := file_digest(path)) != wanted:
        raise BundleError(f"{asset.name}: expected sha256 {wanted} as on GitHub, got {actual}; nothing was changed")
    return path


def fetch_champion(repository: Repository, into: Path, trust: Trust) -> Bundle:
    """Download the bundle of the release that is Latest, into a subfolder of ``into`` named after its tag.

    Raises:
        NotFoundError: GitHub has no champion yet.
        BundleError: the bytes differ from the released ones.
        SignatureError: the bundle is not signed by the trusted signer.
        GitHubError: the download failed.
    """
    release = latest_release(repository)
    if release is None:
        raise NotFoundError("GitHub has no champion yet; deploy.yml promotes the first one")
    folder = into / release.tag_name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    bundle, signature = fetch_bundle(release, folder)
    check_signature(bundle, trust=trust, signature=signature)
    return bundle


def fetch_baselines(repository: Repository, into: Path, past_count: int) -> tuple[Bundle | None, list[Bundle]]:
    """Download the bundles that the gate compares with if there is no local target.

    Returns:
        The champion, and the newest ``past_count`` past champions that were not rolled back, newest first; all verified.

    Raises:
        BundleError: a page's bytes differ from the released ones.
        GitHubError: a download failed.
    """
    best = latest_release(repository)
    if best is None:
        return None, []
    bad = {r.record.from_ for r in records(repository) if r.record.action == "rollback" and r.state == "done"}
    older = [
        r for r in champions(repository) if r.tag_name not in {best.tag_name, *bad} and bundle_asset(r) is not None
    ]
    fetched = []
    for release in [best, *older[:past_count]]:
        folder = into / release.tag_name
        folder.mkdir(parents=True)
        fetched.append(fetch_bundle(release, folder)[0])
    return fetched[0], fetched[1:]
