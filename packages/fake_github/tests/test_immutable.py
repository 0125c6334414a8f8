"""Immutable releases: what is locked, what is not, and burned tags."""

from __future__ import annotations

from typing import Any

import pytest
from fake_github.clients import Client, Make

BURNED = {
    "resource": "Release",
    "code": "custom",
    "field": "tag_name",
    "message": "tag_name was used by an immutable release",
}


@pytest.fixture
def keeper(make: Make) -> Client:
    """A writer in a repository with immutable releases."""
    github = make(immutable_releases=True)
    return Client(github, github.token(contents="write"))


@pytest.fixture
def published(keeper: Client) -> Any:
    """An immutable pre-release with one asset."""
    draft = keeper.release("v1.0.0", draft=True, prerelease=True)
    assert keeper.upload(draft, "bundle.zip", b"bytes").status == 201
    return keeper.patch(f"releases/{draft['id']}", tag_name="v1.0.0", draft=False, make_latest="false").json


def test_a_draft_is_mutable_and_a_published_pre_release_is_not(keeper: Client, published: Any) -> None:
    assert keeper.release("v1.1.0", draft=True)["immutable"] is False
    assert published["immutable"] is True


def test_nothing_can_be_uploaded_to_an_immutable_release(keeper: Client, published: Any) -> None:
    refused = keeper.upload(published, "more.zip", b"more")
    assert refused.status == 422
    assert refused.message == "Cannot upload assets to an immutable release."
    assert "request_id" in refused.json and "status" not in refused.json


def test_no_asset_can_be_deleted_from_an_immutable_release(keeper: Client, published: Any) -> None:
    asset = published["assets"][0]["id"]
    refused = keeper.delete(f"releases/assets/{asset}")
    message = "Cannot delete asset from an immutable release"
    assert (refused.status, refused.json["errors"][0]["message"]) == (422, message)
    assert keeper.get(f"releases/assets/{asset}").status == 200


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"draft": True}, "state"),
        ({"tag_name": "v1.1.0"}, "tag_name"),
        ({"target_commitish": "topic"}, "target_commitish"),
    ],
)
def test_neither_state_nor_tag_nor_target_can_change(
    keeper: Client, published: Any, fields: dict[str, Any], field: str
) -> None:
    refused = keeper.patch(f"releases/{published['id']}", **fields, name="changed")
    message = f"{field} cannot be changed when release is immutable"
    assert (refused.status, refused.json["errors"][0]["message"]) == (422, message)
    assert keeper.get(f"releases/{published['id']}").json == published


def test_title_notes_pre_release_and_latest_can_change(keeper: Client, published: Any) -> None:
    fields = {"name": "One", "body": "notes", "prerelease": False, "make_latest": "true", "tag_name": "v1.0.0"}
    changed = keeper.patch(f"releases/{published['id']}", **fields)
    assert changed.status == 200
    assert (changed.json["name"], changed.json["prerelease"], changed.json["immutable"]) == ("One", False, True)
    assert keeper.get("releases/latest").json["id"] == published["id"]


def test_latest_can_go_back_to_an_older_immutable_release(keeper: Client) -> None:
    old, new = keeper.release("v1.0.0"), keeper.release("v2.0.0")
    assert keeper.get("releases/latest").json["id"] == new["id"]
    assert keeper.patch(f"releases/{old['id']}", make_latest="true").status == 200
    assert keeper.get("releases/latest").json["id"] == old["id"]


def test_the_tag_of_a_deleted_immutable_release_is_burned(keeper: Client, published: Any) -> None:
    assert keeper.delete(f"releases/{published['id']}").status == 204
    refused = keeper.post("releases", tag_name="v1.0.0")
    assert (refused.status, refused.json["errors"]) == (422, [BURNED])


def test_a_draft_with_a_burned_tag_can_be_made_and_not_published(keeper: Client, published: Any) -> None:
    keeper.delete(f"releases/{published['id']}")
    draft = keeper.release("v1.0.0", draft=True)
    refused = keeper.patch(f"releases/{draft['id']}", tag_name="v1.0.0", draft=False)
    assert (refused.status, refused.json["errors"]) == (422, [BURNED])


def test_a_release_from_before_immutability_stays_mutable(make: Make) -> None:
    github = make()
    writer = Client(github, github.token(contents="write"))
    release = writer.release("v1.0.0")
    github.repository.immutable_releases = True
    assert writer.upload(release, "late.zip", b"late").status == 201
    assert writer.release("v1.1.0")["immutable"] is True
