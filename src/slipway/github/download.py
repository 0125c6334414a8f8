"""A published release's bundle on this machine: downloaded, compared digest by digest, unpacked and verified."""

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
    """Download and verify a release's bundle; returns it with its signature's file, where the page has one.

    Raises:
        NotFoundError: the page has no bundle, since the gate refused the release.
        BundleError: the bytes are not the released ones; nothing of them is used.
        GitHubError: the download failed.
    """
    tag, assets = release.tag_name, {asset.name: asset for asset in assets_of(release)}
    packed = next((name for name in assets if name.endswith(BUNDLE_SUFFIX)), None)
    if packed is None or SUMS not in assets:
        raise NotFoundError(f"the page of {tag} has no bundle, since the gate refused it; nothing was changed")
    sums = parse_sums(_download(assets[SUMS], into).read_text(), f"{SUMS} of {tag}")
    if packed not in sums:
        raise BundleError(f"{SUMS} of {tag} does not list {packed}; nothing was changed")
    archive = _download(assets[packed], into)
    check_files(into, {packed: sums[packed]})
    bundle = verify(unpack(archive, into / "bundle"))
    archive.unlink()
    if f"v{bundle.release.version}" != tag:
        raise BundleError(f"the page of {tag} holds a bundle of {bundle.release.version}; nothing was changed")
    return bundle, _download(assets[SIGNATURE], into) if SIGNATURE in assets else None


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """An empty folder for downloads, for one process at a time; what a killed one left is swept.

    Raises:
        BusyError: another process downloads there.
    """
    busy = BusyError(f"another `slipway pull` runs in {folder.parent}; nothing was started")
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
    wanted = str(asset.digest or "").removeprefix("sha256:")
    if wanted and (came := file_digest(path)) != wanted:
        raise BundleError(f"{asset.name} came with the sha256 {came} but GitHub has {wanted}; nothing was changed")
    return path


def fetch_champion(repository: Repository, into: Path, trust: Trust) -> Bundle:
    """The bundle of the release that is Latest, unpacked into a folder of its own in ``into``.

    Raises:
        NotFoundError: GitHub has no champion yet.
        BundleError: the bytes are not the released ones.
        SignatureError: it is not signed by one who is trusted.
        GitHubError: it could not be downloaded.
    """
    release = latest_release(repository)
    if release is None:
        raise NotFoundError("GitHub has no champion yet; deploy.yml makes the first one")
    folder = into / release.tag_name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    bundle, signature = fetch_bundle(release, folder)
    check_signature(bundle, trust=trust, signature=signature)
    return bundle


def fetch_baselines(repository: Repository, into: Path, past_count: int) -> tuple[Bundle | None, list[Bundle]]:
    """Whom to beat where no target is at hand: the champion, and the last ``past`` ones that no rollback left behind.

    All are verified; the newest comes first.

    Raises:
        BundleError: a page's bytes are not the released ones.
        GitHubError: they could not be downloaded.
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
