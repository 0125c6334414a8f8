"""Releases: list, get, create, change, delete."""

from __future__ import annotations

import secrets
from typing import Any

from .assets import asset_json
from .call import Call, only, paged
from .latest import latest, refuse_latest, settle, wish
from .messages import Answer, created, not_found
from .publishing import check_immutable, check_target, claim_tag, commit_time, publish
from .records import Release
from .repository import Repository, now, values_of


def list_releases(call: Call) -> Answer:
    """Newest first; drafts only for those who may write. What is new may be missing (``list_lag``)."""
    releases = [release for release in call.repository.releases if visible(call, release) and not release.unlisted]
    for release in call.repository.releases:
        release.unlisted = max(release.unlisted - 1, 0)
    releases.sort(key=lambda release: (release.draft, release.created_at, release.id), reverse=True)
    return paged(call, [release_json(call.repository, release) for release in releases])


def get_release(call: Call) -> Answer:
    return Answer(200, release_json(call.repository, seen(call)))


def get_by_tag(call: Call) -> Answer:
    """Never a draft, whoever asks."""
    for release in call.repository.releases:
        if release.tag_name == call.params["tag"] and not release.draft:
            return Answer(200, release_json(call.repository, release))
    raise not_found()


def get_latest(call: Call) -> Answer:
    release = latest(call.repository)
    if release is None:
        raise not_found()
    return Answer(200, release_json(call.repository, release))


def create_release(call: Call) -> Answer:
    """201 with a draft or a published release; drafts may share a tag, published ones may not."""
    fields, repository = call.fields, call.repository
    draft, prerelease, make_latest = fields.flag("draft", False), fields.flag("prerelease", False), wish(fields)
    release = drafted(call)
    check_target(call, release.target_commitish)
    if not draft:
        refuse_latest(make_latest, draft, prerelease)
        publish(call, release)
    repository.releases.append(release)
    settle(repository, release, make_latest, not draft)
    repository.happened(call.writer, "release", "created", tag=release.tag_name, draft=draft)
    return created(release_json(repository, release))


def drafted(call: Call) -> Release:
    """The release that the fields describe, not published and not yet in the list."""
    fields, repository, moment = call.fields, call.repository, now()
    release = Release(
        id=repository.next_id(),
        slug=f"untagged-{secrets.token_hex(10)}",
        tag_name=fields.need("tag_name"),
        target_commitish=fields.text("target_commitish") or repository.bare.default_branch(),
        name=fields.text("name"),
        body=fields.text("body"),
        author=call.writer.actor,
        created_at=moment,
        updated_at=moment,
        prerelease=fields.flag("prerelease", False),
        unlisted=repository.list_lag,
    )
    release.tag_name = release.tag_name or release.slug
    release.created_at = commit_time(repository, release)
    return release


def update_release(call: Call) -> Answer:
    """Change what is given. A draft whose edit leaves ``tag_name`` out loses its tag, as on GitHub."""
    release, fields, repository = seen(call), call.fields, call.repository
    make_latest = wish(fields)
    draft, prerelease = fields.flag("draft", release.draft), fields.flag("prerelease", release.prerelease)
    tag_name = fields.text("tag_name", release.slug if release.draft else release.tag_name) or release.slug
    target = fields.text("target_commitish", release.target_commitish)
    check_immutable(release, tag_name, target, draft)
    refuse_latest(make_latest, draft, prerelease)
    check_target(call, target)
    name, body = fields.text("name", release.name), fields.text("body", release.body)
    was = Release(**vars(release))
    vars(release).update(tag_name=tag_name, target_commitish=target, prerelease=prerelease, name=name, body=body)
    move(call, release, was, draft)
    settle(repository, release, make_latest, was.draft and not draft)
    return Answer(200, release_json(repository, release))


def move(call: Call, release: Release, was: Release, draft: bool) -> None:
    """Publish or draw back; when that is refused the release is as it was."""
    try:
        if was.draft and not draft:
            publish(call, release)
        elif not draft and was.tag_name != release.tag_name:
            claim_tag(call, release)
    except Exception:
        vars(release).update(vars(was))
        raise
    release.draft, release.updated_at = draft, now()
    call.repository.happened(call.writer, "release", "edited", tag=release.tag_name, draft=draft)


def delete_release(call: Call) -> Answer:
    """Gone, its assets too; the git tag stays, and an immutable release's tag name is burned."""
    release = seen(call)
    if release.immutable:
        call.repository.burned_tags.add(release.tag_name)
    call.repository.releases.remove(release)
    call.repository.happened(call.writer, "release", "deleted", tag=release.tag_name)
    return Answer(204)


def visible(call: Call, release: Release) -> bool:
    return not release.draft or call.may("contents", "write")


def seen(call: Call) -> Release:
    """The release of the path; a draft is not there for those who may only read."""
    release = only(call.repository.releases, call.id)
    if not visible(call, release):
        raise not_found()
    return release


def release_json(repository: Repository, release: Release) -> dict[str, Any]:
    url, place = f"{repository.api}/releases/{release.id}", release.slug if release.draft else release.tag_name
    ball = None if release.draft else f"{repository.api}/{{}}/{release.tag_name}"
    return {
        "url": url,
        "assets_url": f"{url}/assets",
        "upload_url": f"{url}/assets{{?name,label}}",
        "html_url": f"{repository.page}/releases/tag/{place}",
        **values_of(release, "id", "tag_name", "target_commitish", "name", "body", "draft", "immutable", "prerelease"),
        **values_of(release, "created_at", "updated_at", "published_at"),
        "author": repository.user(release.author),
        "node_id": f"RE_{release.id}",
        "assets": [asset_json(repository, release, asset) for asset in release.assets],
        "tarball_url": ball and ball.format("tarball"),
        "zipball_url": ball and ball.format("zipball"),
    }
