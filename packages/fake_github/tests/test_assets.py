"""The files of a release: what arrives, what is left of what does not, and how they are fetched."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
from typing import Any

import pytest
from fake_github.clients import Client, Make
from fake_github.fake import GitHub

from tests.support.eventually import eventually

CONTENT = bytes(range(256)) * 40
OCTETS = {"accept": "application/octet-stream"}


@pytest.fixture
def draft(writer: Client) -> Any:
    return writer.release("v1.0.0", draft=True)


def names(client: Client, release: Any) -> list[tuple[str, str]]:
    return [(asset["name"], asset["state"]) for asset in client.get(f"releases/{release['id']}/assets").json]


def test_an_uploaded_asset_has_size_digest_type_and_label(writer: Client, draft: Any) -> None:
    reply = writer.upload(draft, "bundle.zip&label=The%20bundle", CONTENT)
    asset = reply.json
    assert reply.status == 201
    assert reply.headers["Location"] == asset["url"]
    assert asset["digest"] == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    assert (asset["size"], asset["state"], asset["label"]) == (len(CONTENT), "uploaded", "The bundle")
    assert asset["content_type"] == "application/zip"
    assert writer.get(f"releases/{draft['id']}").json["assets"] == [asset]


def test_a_second_asset_of_a_name_is_422_and_the_first_stays(writer: Client, draft: Any) -> None:
    writer.upload(draft, "a.txt", b"first")
    refused = writer.upload(draft, "a.txt", b"second")
    assert refused.status == 422
    assert refused.json["errors"] == [{"resource": "ReleaseAsset", "code": "already_exists", "field": "name"}]
    assert "request_id" in refused.json and "status" not in refused.json
    assert names(writer, draft) == [("a.txt", "uploaded")]


def test_an_upload_cut_by_the_client_leaves_a_starter_that_holds_its_name(
    writer: Client, draft: Any, github: GitHub
) -> None:
    with socket.create_connection(("127.0.0.1", int(github.url.rpartition(":")[2]))) as connection:
        path = draft["upload_url"].removeprefix(github.url).partition("{")[0]
        head = f"POST {path}?name=big.zip HTTP/1.1\r\nHost: x\r\nContent-Type: application/zip\r\n"
        token = writer.headers["Authorization"]
        connection.sendall(f"{head}Authorization: {token}\r\nContent-Length: 1000\r\n\r\nhalf".encode())
    assert eventually(lambda: names(writer, draft) == [("big.zip", "starter")])
    starter = writer.get(f"releases/{draft['id']}/assets").json[0]
    assert (starter["size"], starter["digest"]) == (0, None)
    assert writer.upload(draft, "big.zip", CONTENT).status == 422
    assert writer.get(f"releases/assets/{starter['id']}", **OCTETS).status == 404
    assert writer.delete(f"releases/assets/{starter['id']}").status == 204
    assert writer.upload(draft, "big.zip", CONTENT).status == 201


def test_an_upload_of_no_length_or_of_nothing_is_400(writer: Client, draft: Any) -> None:
    refused = writer.upload(draft, "empty.txt", b"")
    assert (refused.status, refused.message) == (400, "Bad Content-Length: ")
    assert names(writer, draft) == []


def test_an_upload_in_chunks_is_400_for_it_says_no_length(writer: Client, draft: Any, github: GitHub) -> None:
    host, path = github.url.removeprefix("http://"), draft["upload_url"].removeprefix(github.url).partition("{")[0]
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("POST", f"{path}?name=a.zip", iter([b"abc"]), writer.headers, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["message"]) == (400, "Bad Content-Length: ")


@pytest.mark.parametrize(
    ("given", "stored"), [("my%20file%20(1).zip", "my.file.1.zip"), (".env", "default.env"), ("a%2Fb", "a.b")]
)
def test_names_are_changed_as_github_does(writer: Client, draft: Any, given: str, stored: str) -> None:
    assert writer.upload(draft, given, b"x").json["name"] == stored


def test_an_asset_is_json_or_a_redirect_to_its_bytes(writer: Client, draft: Any, github: GitHub) -> None:
    asset = writer.upload(draft, "bundle.zip", CONTENT).json
    assert writer.get(asset["url"]).json == asset
    redirect = writer.get(asset["url"], **OCTETS)
    assert (redirect.status, redirect.body) == (302, b"")
    assert Client(github).get(redirect.headers["Location"]).body == CONTENT
    assert writer.get(asset["url"]).json["download_count"] == 1


def test_an_asset_of_a_draft_is_hidden_from_readers(writer: Client, reader: Client, draft: Any) -> None:
    asset = writer.upload(draft, "bundle.zip", CONTENT).json
    assert reader.get(asset["url"]).status == 404
    assert reader.get(asset["url"], **OCTETS).status == 404


def test_the_browser_address_of_a_draft_is_provisional_and_404(writer: Client, draft: Any) -> None:
    asset = writer.upload(draft, "bundle.zip", CONTENT).json
    assert "/releases/download/untagged-" in asset["browser_download_url"]
    assert writer.get(asset["browser_download_url"]).status == 404
    assert writer.get("/octo/flights/releases/download/v1.0.0/bundle.zip").status == 404


def test_anyone_downloads_a_published_asset_of_a_public_repository(writer: Client, draft: Any, github: GitHub) -> None:
    writer.upload(draft, "bundle.zip", CONTENT)
    published = writer.patch(f"releases/{draft['id']}", tag_name="v1.0.0", draft=False).json
    address = published["assets"][0]["browser_download_url"]
    assert address == f"{github.url}/octo/flights/releases/download/v1.0.0/bundle.zip"
    redirect = Client(github).get(address)
    assert redirect.status == 302
    assert Client(github).get(redirect.headers["Location"]).body == CONTENT


def test_a_private_asset_is_404_without_a_token_and_by_browser_address(make: Make) -> None:
    github = make(private=True)
    writer, anyone = Client(github, github.token(contents="write")), Client(github)
    asset = writer.upload(writer.release("v1.0.0"), "bundle.zip", CONTENT).json
    assert anyone.get(asset["url"], **OCTETS).status == 404
    assert anyone.get(asset["browser_download_url"]).status == 404
    assert writer.get(asset["browser_download_url"]).status == 404
    reader = Client(github, github.token(contents="read"))
    assert reader.get(asset["url"], **OCTETS).status == 302


def test_a_deleted_asset_frees_its_name(writer: Client, draft: Any) -> None:
    asset = writer.upload(draft, "a.txt", b"first").json
    assert writer.delete(f"releases/assets/{asset['id']}").status == 204
    assert writer.get(asset["url"]).status == 404
    assert writer.upload(draft, "a.txt", b"second").status == 201
