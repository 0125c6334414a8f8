"""Publish a release of the library on GitHub; its page is never Latest, since that is the project's champion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slipway.errors import BundleError, NotFoundError
from slipway.github.client import PrintLine, github_errors, patch
from slipway.github.release_page import MARK, digest_of
from slipway.github.releases import assets_of, find_published, get_published
from slipway.storage.digests import file_digest

if TYPE_CHECKING:
    from github.GitRelease import GitRelease
    from github.Repository import Repository


def publish_page(repository: Repository, tag: str, folder: Path, notes: str, say: PrintLine) -> str:
    """Publish the packages in a folder under the tag and return the page's address; a published page is not changed.

    Raises:
        NotFoundError: the folder has no packages.
        BundleError: the page has other files.
        GitHubError: GitHub refused a request, or could not be reached; run this again to continue.
    """
    files = {path.name: path for path in sorted(folder.glob("slipway_ml-*"))}
    if not files:
        raise NotFoundError(f"{folder} has no packages of slipway-ml; nothing was published")
    if (page := find_published(repository, tag)) is not None:
        _check_files(page, files)
        say(f"{tag} is already published with the same files: {page.html_url}")
        return str(page.html_url)
    draft = _new_draft(repository, tag, notes)
    with github_errors(f"the files of {tag} could not all be uploaded"):
        for name, path in files.items():
            draft.upload_asset(str(path), name=name, content_type="application/octet-stream")
    _check_files(draft, files)
    with github_errors(f"{tag} is complete as a draft but could not be published"):
        patch(draft, tag_name=tag, draft=False, prerelease=False, make_latest="false")
    page = get_published(repository, tag)  # the address of a draft is another one
    say(f"{tag} is published with {len(files)} files: {page.html_url}")
    return str(page.html_url)


def _new_draft(repository: Repository, tag: str, notes: str) -> GitRelease:
    """Return an empty draft; those of failed runs are deleted, a person's are kept."""
    with github_errors(f"the draft of {tag} could not be created"):
        for release in repository.get_releases():
            if release.draft and release.tag_name == tag and (release.body or "").startswith(MARK):
                release.delete_release()
        title = tag.replace("-v", " ")
        return repository.create_git_release(tag, title, f"{MARK}\n{notes}", draft=True, make_latest="false")


def _check_files(page: GitRelease, files: dict[str, Path]) -> None:
    found = {asset.name: digest_of(asset) for asset in assets_of(page)}
    if found != (wanted := {name: file_digest(path) for name, path in files.items()}):
        different = ", ".join(sorted({name for name, _ in found.items() ^ wanted.items()}))
        raise BundleError(
            f"{page.tag_name} on GitHub has other files than were built ({different}); they were not changed"
        )
