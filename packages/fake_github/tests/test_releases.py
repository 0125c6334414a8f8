"""Releases: drafts, publishing, and who sees what."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fake_github.clients import Client
from fake_github.fake import GitHub
from fake_github.origin import git

ALREADY = [{"resource": "Release", "code": "already_exists", "field": "tag_name"}]


def test_a_created_release_is_found_by_its_location_its_id_and_its_tag(writer: Client) -> None:
    reply = writer.post("releases", tag_name="v1.0.0", name="One", body="notes")
    assert reply.status == 201
    assert reply.headers["Location"] == reply.json["url"]
    assert writer.get(reply.json["url"]).json == reply.json
    assert writer.get("releases/tags/v1.0.0").json["id"] == reply.json["id"]
    assert writer.get("releases").json == [reply.json]


def test_created_at_is_the_date_of_the_commit_and_published_at_is_not(writer: Client) -> None:
    release = writer.release("v1.1.0")
    assert release["created_at"] == "2026-02-01T12:00:00Z"
    assert release["published_at"] > "2026-03"


def test_a_tag_with_a_slash_or_a_plus_is_found(writer: Client) -> None:
    writer.release("model/v1+1")
    assert writer.get("releases/tags/model%2Fv1%2B1").json["tag_name"] == "model/v1+1"
    assert writer.get("releases/tags/model/v1+1").status == 200


def test_drafts_are_listed_and_got_by_writers_only(writer: Client, reader: Client, github: GitHub) -> None:
    draft = writer.release("v1.0.0", draft=True)
    assert [r["id"] for r in writer.get("releases").json] == [draft["id"]]
    for other in (reader, Client(github)):
        assert other.get("releases").json == []
        assert other.get(f"releases/{draft['id']}").status == 404
        assert other.get(f"releases/{draft['id']}/assets").status == 404


def test_a_draft_is_never_found_by_its_tag(writer: Client) -> None:
    writer.release("v1.0.0", draft=True)
    assert writer.get("releases/tags/v1.0.0").status == 404


def test_several_drafts_may_have_one_tag_and_only_one_of_them_can_be_published(writer: Client) -> None:
    first, second = (writer.release("v1.0.0", draft=True)["id"] for _ in range(2))
    assert writer.patch(f"releases/{first}", tag_name="v1.0.0", draft=False).status == 200
    refused = writer.patch(f"releases/{second}", tag_name="v1.0.0", draft=False, name="changed")
    assert (refused.status, refused.json["errors"]) == (422, ALREADY)
    assert writer.get(f"releases/{second}").json["draft"] is True
    assert writer.get(f"releases/{second}").json["name"] == ""


def test_a_second_published_release_of_a_tag_is_already_exists(writer: Client) -> None:
    writer.release("v1.0.0")
    refused = writer.post("releases", tag_name="v1.0.0")
    assert refused.status == 422
    assert refused.json == {
        "message": "Validation Failed",
        "errors": ALREADY,
        "documentation_url": "https://docs.github.com/rest/releases/releases#create-a-release",
        "status": "422",
    }


def test_of_clients_that_create_one_release_at_once_exactly_one_wins(writer: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: writer.post("releases", tag_name="v1.0.0").status, range(8)))
    assert sorted(replies) == [201] + [422] * 7
    assert len(writer.get("releases").json) == 1


def test_publishing_makes_a_missing_tag_at_the_default_branch(writer: Client, bare: Path) -> None:
    draft = writer.release("v9.0.0", draft=True)
    assert git(bare, "tag", "-l", "v9.0.0") == ""
    writer.patch(f"releases/{draft['id']}", tag_name="v9.0.0", draft=False)
    assert git(bare, "rev-parse", "v9.0.0") == git(bare, "rev-parse", "main")


def test_a_missing_tag_is_made_at_the_target_and_an_existing_one_stays(writer: Client, bare: Path) -> None:
    old = git(bare, "rev-parse", "v1.0.0^{commit}")
    writer.release("v8.0.0", target_commitish=old)
    assert git(bare, "rev-parse", "v8.0.0") == old
    writer.release("v2.0.0", target_commitish=old)
    assert git(bare, "rev-parse", "v2.0.0") == git(bare, "rev-parse", "main")


def test_a_target_that_is_not_there_is_422(writer: Client) -> None:
    refused = writer.post("releases", tag_name="v9.0.0", target_commitish="nowhere")
    assert refused.status == 422
    assert refused.json["errors"][-1] == {"resource": "Release", "code": "invalid", "field": "target_commitish"}


@pytest.mark.parametrize("tag", ["a b", "-x", "x..y", "x.lock", "~"])
def test_a_tag_that_git_would_not_take_is_422_for_a_published_release(writer: Client, tag: str) -> None:
    refused = writer.post("releases", tag_name=tag)
    assert refused.status == 422
    assert "tag_name is not well-formed" in str(refused.json["errors"])
    assert writer.get("releases").json == []


def test_an_edit_changes_only_the_keys_it_gives(writer: Client) -> None:
    release = writer.release("v1.0.0", name="One", body="notes", prerelease=True)
    changed = writer.patch(f"releases/{release['id']}", name="Refused").json
    assert changed == {**release, "name": "Refused", "updated_at": changed["updated_at"]}


def test_an_edit_of_a_draft_without_tag_name_takes_its_tag_away(writer: Client) -> None:
    draft = writer.release("v1.0.0", draft=True)
    changed = writer.patch(f"releases/{draft['id']}", body="notes").json
    assert changed["tag_name"].startswith("untagged-")
    assert writer.patch(f"releases/{draft['id']}", tag_name="v1.0.0").json["tag_name"] == "v1.0.0"


def test_a_draft_published_without_tag_name_is_a_release_of_no_tag(writer: Client, bare: Path) -> None:
    draft = writer.release("v1.0.0", draft=True)
    published = writer.patch(f"releases/{draft['id']}", draft=False).json
    assert published["tag_name"].startswith("untagged-") and published["draft"] is False
    assert writer.get("releases/tags/v1.0.0").status == 404
    assert "untagged" not in git(bare, "tag", "-l")


def test_the_text_true_is_taken_for_false_where_a_boolean_belongs(writer: Client) -> None:
    assert writer.release("v1.0.0", draft="true")["draft"] is False


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tag_name": "v1.0.0", "make_latest": False}, "For 'properties/make_latest', false is not a string."),
        ({"tag_name": "v1.0.0", "body": None}, "For 'properties/body', nil is not a string."),
        ({"name": "no tag"}, '"tag_name" wasn\'t supplied.'),
    ],
)
def test_a_field_of_the_wrong_type_is_422(writer: Client, fields: dict[str, object], message: str) -> None:
    refused = writer.post("releases", **fields)
    assert (refused.status, refused.message) == (422, f"Invalid request.\n\n{message}")


def test_a_body_that_is_no_json_is_400(writer: Client) -> None:
    refused = writer.ask("POST", "releases", b"{")
    assert (refused.status, refused.message) == (400, "Problems parsing JSON")


def test_a_deleted_release_is_gone_and_its_tag_is_free_again(writer: Client, bare: Path) -> None:
    release = writer.release("v1.0.0")
    assert writer.delete(f"releases/{release['id']}").status == 204
    assert writer.get(f"releases/{release['id']}").status == 404
    assert git(bare, "tag", "-l", "v1.0.0") == "v1.0.0"
    assert writer.post("releases", tag_name="v1.0.0").status == 201


def test_a_new_release_may_be_missing_from_the_next_lists(github: GitHub, writer: Client) -> None:
    github.repository.list_lag = 2
    draft = writer.release("v1.0.0", draft=True)
    assert [len(writer.get("releases").json) for _ in range(3)] == [0, 0, 1]
    assert writer.get(f"releases/{draft['id']}").status == 200
