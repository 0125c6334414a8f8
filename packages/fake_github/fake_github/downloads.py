"""What is not the API: the download addresses of a release page, and the storage behind them."""

from __future__ import annotations

from .assets import redirect, storage_key
from .call import Call
from .messages import Answer, not_found


def browser_download(call: Call) -> Answer:
    """Anyone's, for a published release of a public repository; tokens mean nothing here, so a private one is 404."""
    repository, params = call.repository, call.params
    for release in repository.releases:
        if release.tag_name == params["tag"] and not release.draft and not repository.private:
            for asset in release.assets:
                if asset.name == params["name"]:
                    return redirect(repository, asset)
    raise not_found()


def stored_bytes(call: Call) -> Answer:
    """The bytes; whoever has the address may have them."""
    for release in call.repository.releases:
        for asset in release.assets:
            if storage_key(asset) == call.params["key"]:
                name = {"Content-Disposition": f"attachment; filename={asset.name}"}
                return Answer(200, asset.content, {"Content-Type": "application/octet-stream", **name})
    raise not_found()
