"""Find the published bundle of a release: on this machine, or else on its GitHub page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.bundle.release_file import RELEASE_FILE, Bundle, verify, version_in_name
from slipway.errors import NotFoundError, SettingsError
from slipway.settings.settings import Settings
from slipway.settings.state_folder import bundles_folder
from slipway.target.target import PATH_VARIABLE, Target, trust_of
from slipway.versioning.git.command import REMOTE, run

if TYPE_CHECKING:
    from github.Repository import Repository


def find_published(settings: Settings, tag: str, bundle: Path | None, into: Path) -> Bundle:
    """Return the verified bundle of a release: ``bundle``, that of the target or the sealed one, or GitHub's in ``into``.

    Raises:
        NotFoundError: the release was never published, or the gate refused it.
        SettingsError: ``bundle`` is of another release.
        BundleError: the bytes differ from the released ones; none of them is used.
        SignatureError: the bundle on GitHub is not signed by the trusted signer.
        GitHubError: the download failed.
    """
    version = tag.removeprefix("v")
    if bundle is not None:
        found = verify(bundle)
        if found.release.version != version:
            raise SettingsError(f"{bundle} is the bundle of {found.release.version}, not of {version}")
        return found
    target = Target(settings.root / os.environ.get(PATH_VARIABLE, settings.target.path))
    champions = [entry.folder for entry in reversed(target.past_champions()) if entry.to == version and entry.folder]
    sealed = [path.name for path in bundles_folder(settings).glob("*") if version_in_name(path.name) == version]
    for name in [*champions, *sealed]:
        for folder in (target.release_path(name), bundles_folder(settings) / name):
            if (folder / RELEASE_FILE).is_file():
                return verify(folder)
    if not _has_github(settings.root):
        raise NotFoundError(
            f"{tag} has no release: no bundle of it is in {target} or {bundles_folder(settings)}; give one by --bundle; "
            "nothing was changed"
        )
    return _download(settings, tag, into)


def supported_releases(settings: Settings, repository: Repository) -> list[str]:
    """Return the tags of GitHub's champion and of its oldest supported release.

    Supported are as many past champions as ``retention.releases`` keeps.

    Raises:
        NotFoundError: GitHub has no champion yet.
        GitHubError: the releases cannot be read.
    """
    from slipway.github.releases import bundle_asset, champions, latest_release

    champion = latest_release(repository)
    if champion is None:
        raise NotFoundError("GitHub has no champion yet, so there is nothing to rebuild")
    supported = champions(repository)[: settings.retention.releases]
    oldest = next((release for release in reversed(supported) if bundle_asset(release) is not None), champion)
    return list(dict.fromkeys([champion.tag_name, oldest.tag_name]))


def _has_github(root: Path) -> bool:
    """Return whether a repository on GitHub is known; a remote that is a folder is none."""
    remote = run(root, "remote", "get-url", REMOTE).stdout.strip()
    return bool(os.environ.get("GITHUB_REPOSITORY")) or (":" in remote and not remote.startswith("file:"))


def _download(settings: Settings, tag: str, into: Path) -> Bundle:
    from slipway.bundle.signature import check_signature
    from slipway.github.client import connect
    from slipway.github.download import fetch_bundle
    from slipway.github.releases import get_published

    into.mkdir(parents=True)
    bundle, signature = fetch_bundle(get_published(connect(), tag), into)
    check_signature(bundle, trust=trust_of(settings), signature=signature)
    return bundle
