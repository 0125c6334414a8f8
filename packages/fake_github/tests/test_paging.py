"""Lists come in pages of 30, or of up to 100, with links."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from fake_github.clients import Client, Reply, pygithub
from fake_github.fake import GitHub


@pytest.fixture
def many(writer: Client, github: GitHub) -> Client:
    """A writer beside 130 drafts, all but the first copied from it: making each takes git commands."""
    first = writer.release("v0.0.0", draft=True)["id"]
    (made,) = (release for release in github.repository.releases if release.id == first)
    github.repository.releases += [replace(made, id=first + n, tag_name=f"v0.0.{n}") for n in range(1, 130)]
    return writer


def links(reply: Reply) -> dict[str, str]:
    return {name: url for url, name in re.findall(r'<([^>]+)>; rel="(\w+)"', reply.headers.get("Link", ""))}


def test_a_page_has_30_items_unless_asked_for_up_to_100(many: Client) -> None:
    assert len(many.get("releases").json) == 30
    assert len(many.get("releases?per_page=100").json) == 100
    assert len(many.get("releases?per_page=500").json) == 100
    assert len(many.get("releases?page=5").json) == 10
    assert many.get("releases?page=6").json == []


def test_links_lead_through_every_item_once(many: Client, github: GitHub) -> None:
    reply = many.get("releases?per_page=50")
    tags = [release["tag_name"] for release in reply.json]
    while "next" in links(reply):
        reply = many.get(links(reply)["next"])
        tags += [release["tag_name"] for release in reply.json]
    assert sorted(tags) == sorted(f"v0.0.{number}" for number in range(130))
    assert set(links(reply)) == {"first", "prev"}
    assert links(reply)["first"] == f"{github.url}/repositories/{github.repository.id}/releases?per_page=50&page=1"


def test_a_list_of_one_page_has_no_links(writer: Client) -> None:
    writer.release("v1.0.0")
    assert "Link" not in writer.get("releases").headers


def test_the_first_page_links_to_the_next_and_the_last(many: Client) -> None:
    found = links(many.get("releases"))
    assert set(found) == {"next", "last"}
    assert found["last"].endswith("?page=5")


@pytest.mark.parametrize("per_page", [30, 100])
def test_pygithub_walks_all_pages(many: Client, github: GitHub, per_page: int) -> None:
    repository = pygithub(github, github.token(contents="write"), per_page=per_page)
    assert len(list(repository.get_releases())) == 130
    assert repository.get_releases().totalCount == 130
