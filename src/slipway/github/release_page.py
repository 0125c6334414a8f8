"""Create a release page: draft, upload, verify, and only then publish; run again, it does the steps still missing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.bundle.release_assets import BUNDLE_SUFFIX, CATALOG, NOTES, SUMS, check_sums
from slipway.errors import BundleError
from slipway.github.client import PrintLine, github_errors, patch
from slipway.github.releases import REFUSED_SUFFIX, assets_of, find_published, get_published, releases_of
from slipway.storage.digests import file_digest

if TYPE_CHECKING:
    from github.GitRelease import GitRelease
    from github.Repository import Repository

MARK = "<!-- made by slipway -->"
"""Distinguishes our drafts from other drafts; existing pages have this text, so it must not change."""


def publish(repository: Repository, tag: str, folder: Path, *, digest: str | None, say: PrintLine) -> str:
    """Publish a release's files as a pre-release, which ``promote`` can make Latest later; returns the page's URL.

    If there is no bundle, the gate refused the release, and the page's title says so. A release of components, which has
    a catalog, is final.

    Args:
        digest: the sha256 of ``SHA256SUMS``, as printed by the job that created the files.

    Raises:
        BundleError: the files differ from the created ones, or other files are published for this tag.
        GitHubError: GitHub refused a request, or could not be reached; run this again to continue.
    """
    sums = check_sums(folder, digest)
    if (page := find_published(repository, tag)) is not None:
        return _check_same_files(page, file_digest(folder / SUMS), say)
    # A draft first: with release immutability, no file can be added after publishing.
    files = {path.name: path for path in sorted(folder.iterdir())}
    final, has_bundle = CATALOG in sums, any(name.endswith(BUNDLE_SUFFIX) for name in sums)
    title = tag if final or has_bundle else tag + REFUSED_SUFFIX
    draft = _draft(repository, tag, title, _body(files))
    _upload_files(draft, files, say)
    _check_uploads(draft, files)
    with github_errors(f"{tag} is complete as a draft but could not be published"):
        # Latest is the champion, so only `promote` sets it; of components, it is the highest version.
        patch(draft, tag_name=tag, draft=False, prerelease=not final, make_latest="legacy" if final else "false")
    page = get_published(repository, tag)
    say(f"{tag} is published with {len(files)} files: {page.html_url}")
    return str(page.html_url)


def show_section(repository: Repository, tag: str, name: str, text: str, say: PrintLine) -> str:
    """Show a section on a published page, instead of an earlier one with this name; returns the page's URL.

    Only the notes change, which GitHub allows for an immutable release too.

    Raises:
        NotFoundError: the tag has no published release.
        GitHubError: GitHub refused a request, or could not be reached; run this again.
    """
    page = get_published(repository, tag)
    start, end = f"<!-- slipway: {name} -->", f"<!-- slipway: end of {name} -->"
    before, found, rest = (page.body or "").partition(start)
    # The last end mark, because the text between the marks could contain one.
    after = rest.rpartition(end)[2] if found else ""
    with github_errors(f"the section '{name}' of {tag} could not be written"):
        patch(page, body=f"{before.rstrip()}\n\n{start}\n{text}\n{end}\n{after.lstrip()}")
    say(f"{tag}: {page.html_url} shows the section '{name}'")
    return str(page.html_url)


def _check_same_files(page: GitRelease, digest: str, say: PrintLine) -> str:
    found = next((asset for asset in assets_of(page) if asset.name == SUMS), None)
    published = digest_of(found) if found is not None else "none"
    if published != digest:
        raise BundleError(
            f"{page.tag_name} is already published with other files: the sha256 of its {SUMS} is {published}, that of "
            f"the new one {digest}; the published files were not changed"
        )
    say(f"{page.tag_name} is already published with the same files: {page.html_url}")
    return str(page.html_url)


def _body(files: dict[str, Path]) -> str:
    notes = files[NOTES].read_text(encoding="utf-8") if NOTES in files else ""
    return f"{MARK}\n{notes}"


def _draft(repository: Repository, tag: str, title: str, body: str) -> GitRelease:
    """Our draft for this tag, created if missing; duplicates of a failed run are deleted, a person's drafts are kept."""
    ours = [r for r in releases_of(repository) if r.draft and r.tag_name == tag and (r.body or "").startswith(MARK)]
    with github_errors(f"the draft of {tag} could not be created"):
        if not ours:
            return repository.create_git_release(tag, title, body, draft=True, prerelease=True, make_latest="false")
        first, *doubles = sorted(ours, key=lambda release: release.id)
        for double in doubles:
            double.delete_release()
        if (first.name, first.body) != (title, body):
            patch(first, tag_name=tag, name=title, body=body)  # without `tag_name`, GitHub drops the draft's tag
        return first


def _upload_files(draft: GitRelease, files: dict[str, Path], say: PrintLine) -> None:
    """Upload files that are missing or incomplete, and delete assets that do not belong to the release."""
    existing = {asset.name: asset for asset in assets_of(draft)}
    with github_errors(f"the files of {draft.tag_name} could not all be uploaded"):
        for name, asset in existing.items():
            if name not in files or not _is_complete(asset, files[name]):
                asset.delete_asset()
        for name, path in files.items():
            if name not in existing or not _is_complete(existing[name], path):
                say(f"uploading {name} ({path.stat().st_size / 1e6:.1f} MB)")
                draft.upload_asset(str(path), name=name, content_type="application/octet-stream")


def _check_uploads(draft: GitRelease, files: dict[str, Path]) -> None:
    found = {asset.name: digest_of(asset) for asset in assets_of(draft)}
    for name, path in files.items():
        if found.get(name) != (wanted := file_digest(path)):
            raise BundleError(
                f"{name} on GitHub: expected sha256 {wanted}, got {found.get(name)}; the page is still a draft; run this "
                "again"
            )


def _is_complete(asset: Any, path: Path) -> bool:
    return asset.state == "uploaded" and asset.size == path.stat().st_size and digest_of(asset) == file_digest(path)


def digest_of(asset: Any) -> str:
    """The sha256 of an asset: as GitHub reports it, or computed from a download if GitHub does not report it."""
    if asset.digest:
        return str(asset.digest).removeprefix("sha256:")
    digest = hashlib.sha256()
    with github_errors(f"{asset.name} cannot be downloaded"):
        _, _, chunks = asset.download_asset(chunk_size=1 << 20)
        for chunk in chunks:
            digest.update(chunk)
    return digest.hexdigest()
