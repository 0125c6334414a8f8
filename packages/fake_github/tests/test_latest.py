"""Which release is "Latest", and what moves it."""

from __future__ import annotations

from typing import Any

import pytest
from fake_github.clients import Client

REFUSAL = "Latest release cannot be draft or prerelease."


def latest(client: Client) -> str | None:
    reply = client.get("releases/latest")
    return reply.json["tag_name"] if reply.status == 200 else None


def edit(client: Client, release: Any, **fields: Any) -> int:
    return client.patch(f"releases/{release['id']}", **fields).status


def test_there_is_no_latest_before_a_full_release_is_published(writer: Client) -> None:
    assert writer.get("releases/latest").status == 404
    writer.release("v1.0.0", draft=True)
    writer.release("v1.1.0", prerelease=True)
    assert writer.get("releases/latest").status == 404


def test_a_newly_published_release_becomes_latest_though_an_older_version(writer: Client) -> None:
    writer.release("v2.0.0")
    writer.release("v1.0.0")
    assert latest(writer) == "v1.0.0"


def test_a_release_published_with_false_leaves_latest_where_it_is(writer: Client) -> None:
    writer.release("v1.0.0")
    writer.release("v2.0.0", make_latest="false")
    assert latest(writer) == "v1.0.0"


def test_false_does_not_keep_the_only_release_from_being_latest(writer: Client) -> None:
    writer.release("v1.0.0", make_latest="false")
    assert latest(writer) == "v1.0.0"


def test_true_on_an_older_release_moves_latest_back_to_it(writer: Client) -> None:
    old, _ = writer.release("v1.0.0"), writer.release("v2.0.0")
    assert latest(writer) == "v2.0.0"
    assert edit(writer, old, make_latest="true") == 200
    assert latest(writer) == "v1.0.0"


def test_unmarking_a_pre_release_alone_does_not_move_latest(writer: Client) -> None:
    writer.release("v1.0.0")
    new = writer.release("v2.0.0", prerelease=True, make_latest="false")
    edit(writer, new, prerelease=False)
    assert latest(writer) == "v1.0.0"
    edit(writer, new, make_latest="true")
    assert latest(writer) == "v2.0.0"


def test_a_pre_release_is_promoted_in_one_edit(writer: Client) -> None:
    writer.release("v1.0.0")
    new = writer.release("v2.0.0", prerelease=True)
    assert edit(writer, new, prerelease=False, make_latest="true") == 200
    assert latest(writer) == "v2.0.0"


@pytest.mark.parametrize("fields", [{"draft": True}, {"prerelease": True}])
def test_a_draft_or_a_pre_release_cannot_be_made_latest(writer: Client, fields: dict[str, bool]) -> None:
    release = writer.release("v1.0.0", **fields)
    refused = writer.patch(f"releases/{release['id']}", tag_name="v1.0.0", make_latest="true")
    assert refused.status == 422
    assert refused.json["errors"] == [{"resource": "Release", "code": "custom", "message": REFUSAL}]


def test_a_pre_release_cannot_be_created_as_latest_and_leaves_nothing(writer: Client) -> None:
    assert writer.post("releases", tag_name="v1.0.0", prerelease=True, make_latest="true").status == 422
    assert writer.get("releases").json == []


def test_make_latest_is_not_remembered_by_a_draft(writer: Client) -> None:
    writer.release("v1.0.0")
    draft = writer.release("v2.0.0", draft=True, make_latest="false")
    edit(writer, draft, tag_name="v2.0.0", draft=False)
    assert latest(writer) == "v2.0.0"


@pytest.mark.parametrize("gone", ["deleted", "pre-release", "draft", "not latest"])
def test_without_its_latest_the_newest_commit_decides(writer: Client, gone: str) -> None:
    old = writer.release("v1.0.0")
    writer.release("v1.1.0", make_latest="false")
    writer.release("v2.0.0", prerelease=True)
    assert latest(writer) == "v1.0.0"
    if gone == "deleted":
        assert writer.delete(f"releases/{old['id']}").status == 204
    else:
        change = {"pre-release": {"prerelease": True}, "draft": {"draft": True}, "not latest": {"make_latest": "false"}}
        assert edit(writer, old, **change[gone]) == 200
    assert latest(writer) == "v1.1.0"


def test_legacy_lets_the_newest_commit_decide_and_the_version_among_equals(writer: Client) -> None:
    old, _ = writer.release("v1.0.0"), writer.release("v2.0.0")
    edit(writer, old, make_latest="true")
    writer.release("v10.0.0", target_commitish="main", make_latest="legacy")
    assert latest(writer) == "v10.0.0"


def test_without_a_pin_a_newer_commit_counts_more_than_a_higher_version(writer: Client) -> None:
    writer.release("v1.1.0", make_latest="false")
    writer.release("v0.1.0", target_commitish="main", make_latest="false")
    assert latest(writer) == "v0.1.0"


def test_make_latest_takes_three_words_only(writer: Client) -> None:
    assert writer.post("releases", tag_name="v1.0.0", make_latest="yes").status == 422
