"""The files of a release: upload, list, look at, delete."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import quote

from .call import Call, only, paged
from .messages import DOCS, Answer, Refused, created, invalid, not_found, wrong
from .records import Asset, Release
from .repository import Repository, now, stamp, values_of


def upload_asset(call: Call) -> Answer:
    """201 with the digest; an upload that stops half-way leaves an empty ``starter``, which holds the name."""
    try:
        release = only(call.repository.releases, call.id)
        asset = started(call, release)
    except Refused as refused:
        return upload_refused(call, refused)
    if not call.request.complete:
        return Answer(502, {"message": "Error saving asset"})
    finish(asset, call.request.body)
    call.repository.happened(call.writer, "release", "edited", tag=release.tag_name, asset=asset.name)
    return created(asset_json(call.repository, release, asset))


def started(call: Call, release: Release) -> Asset:
    """The new asset, in the release and still empty; raises what forbids it."""
    query, headers = call.request.query, call.request.headers
    if release.immutable:
        raise Refused(422, "Cannot upload assets to an immutable release.")
    if not headers.get("content-length", "").isdigit() or int(headers["content-length"]) == 0:
        raise Refused(400, "Bad Content-Length: ")
    name = stored_name(query.get("name", ""))
    if not name:
        raise Refused(400, "Invalid name for request")
    if any(asset.name == name for asset in release.assets):
        raise invalid(wrong("ReleaseAsset", "already_exists", "name"))
    kind = headers.get("content-type", "application/octet-stream")
    id_ = call.repository.next_id()
    release.assets.append(Asset(id_, name, query.get("label", ""), kind, call.writer.actor, now()))
    return release.assets[-1]


def finish(asset: Asset, content: bytes) -> None:
    asset.content, asset.state = content, "uploaded"
    asset.digest = f"sha256:{hashlib.sha256(content).hexdigest()}"


def stored_name(name: str) -> str:
    """The name as GitHub renames it: one dot for what is not plain, none at the end, ``default`` before a leading one."""
    plain = re.sub(r"[^A-Za-z0-9_+@~-]+", ".", name).rstrip(".")
    return f"default{plain}" if plain.startswith(".") else plain


def upload_refused(call: Call, refused: Refused) -> Answer:
    """The upload service words its errors differently: a request id, no status."""
    errors = {"errors": refused.errors} if refused.errors else {}
    about = {"request_id": f"FAKE:{call.request.number}", "documentation_url": DOCS}
    return Answer(refused.status, {"message": refused.message, **about, **errors})


def list_assets(call: Call) -> Answer:
    release = only(call.repository.releases, call.id)
    if release.draft and not call.may("contents", "write"):
        raise not_found()
    return paged(call, [asset_json(call.repository, release, asset) for asset in release.assets])


def get_asset(call: Call) -> Answer:
    """JSON, or a redirect to the bytes for ``Accept: application/octet-stream``."""
    release, asset = found(call)
    if "application/octet-stream" not in call.request.headers.get("accept", ""):
        return Answer(200, asset_json(call.repository, release, asset))
    return redirect(call.repository, asset)


def redirect(repository: Repository, asset: Asset) -> Answer:
    """302 to the storage, whose address needs no token."""
    if asset.state != "uploaded":
        raise not_found()
    asset.downloads += 1
    return Answer(302, None, {"Location": f"{repository.url}/storage/{storage_key(asset)}"})


def storage_key(asset: Asset) -> str:
    """A part of an address that cannot be guessed from outside."""
    return hashlib.sha256(f"{asset.id} {asset.created_at} {asset.digest}".encode()).hexdigest()


def delete_asset(call: Call) -> Answer:
    release, asset = found(call)
    if release.immutable:
        raise invalid(wrong("ReleaseAsset", "custom", message="Cannot delete asset from an immutable release"))
    release.assets.remove(asset)
    call.repository.happened(call.writer, "release", "edited", tag=release.tag_name, asset=asset.name)
    return Answer(204)


def found(call: Call) -> tuple[Release, Asset]:
    """The asset of the path with its release; a draft's asset is not there for those who may only read."""
    for release in call.repository.releases:
        for asset in release.assets:
            if asset.id == call.id and (not release.draft or call.may("contents", "write")):
                return release, asset
    raise not_found()


def asset_json(repository: Repository, release: Release, asset: Asset) -> dict[str, Any]:
    place = release.slug if release.draft else release.tag_name
    return {
        "url": f"{repository.api}/releases/assets/{asset.id}",
        **values_of(asset, "id", "name", "label", "content_type", "state", "digest", "created_at"),
        "node_id": f"RA_{asset.id}",
        "uploader": repository.user(asset.uploader),
        "size": len(asset.content),
        "download_count": asset.downloads,
        "updated_at": stamp(asset.created_at),
        "browser_download_url": f"{repository.page}/releases/download/{quote(place)}/{quote(asset.name)}",
    }
