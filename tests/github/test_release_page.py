"""The release page is made whole or not at all, and making it again changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_github.fake import GitHub

from slipway.bundle.release_assets import CATALOG, SIGNATURE, SUMS, write_sums
from slipway.errors import BundleError, GitHubError
from slipway.github.issues import open_refusal_issue
from slipway.github.release_page import MARK, publish, show_section
from tests.support.release_files import Client, publish_release, quiet, release_files, truth


def test_a_release_is_published_as_a_pre_release_that_is_not_latest(
    github: GitHub, client: Client, tmp_path: Path
) -> None:
    publish_release(client, tmp_path, "1.0.0")
    [(tag, draft, prerelease, assets)] = truth(github)
    assert (tag, draft, prerelease) == ("v1.0.0", False, True)
    assert [name for name, _ in assets] == sorted([SUMS, "notes.md", "report.html", "flights-1.0.0.bundle.tar.gz"])
    assert github.repository.releases[0].body == f"{MARK}\n# 1.0.0\n"
    assert github.repository.pinned_latest is None


def test_publishing_again_changes_nothing(github: GitHub, client: Client, tmp_path: Path) -> None:
    files, digest = publish_release(client, tmp_path, "1.0.0")
    before, asked = truth(github), len(github.requests)
    publish(client, "v1.0.0", files, digest=digest, say=quiet)
    assert truth(github) == before
    assert {request.method for request in github.requests[asked:]} == {"GET"}


def test_a_refused_release_says_so_and_has_no_bundle(github: GitHub, client: Client, tmp_path: Path) -> None:
    publish_release(client, tmp_path, "1.0.2", refused=True)
    assert github.repository.releases[0].name == "v1.0.2 (refused by the gate)"
    assert not any(".bundle." in name for name, _ in truth(github)[0][3])


def test_a_release_of_components_is_final_and_latest(github: GitHub, client: Client, tmp_path: Path) -> None:
    files = tmp_path / "dist"
    files.mkdir()
    (files / CATALOG).write_text("# Components\n")
    digest = write_sums(files)
    publish(client, "v1.1.0", files, digest=digest, say=quiet)
    [(tag, draft, prerelease, _)] = truth(github)
    assert (tag, draft, prerelease) == ("v1.1.0", False, False)
    assert github.repository.releases[0].name == "v1.1.0"
    assert client.get_latest_release().tag_name == "v1.1.0"


def test_a_signature_that_came_later_is_an_asset_too(github: GitHub, client: Client, tmp_path: Path) -> None:
    files, digest = release_files(tmp_path, "1.0.0")
    (files / SIGNATURE).write_text("signature")
    publish(client, "v1.0.0", files, digest=digest, say=quiet)
    assert SIGNATURE in [name for name, _ in truth(github)[0][3]]


def test_other_bytes_under_a_published_tag_are_refused_with_both_digests(
    github: GitHub, client: Client, tmp_path: Path
) -> None:
    _, digest = publish_release(client, tmp_path, "1.0.0")
    before = truth(github)
    others, other_digest = release_files(tmp_path / "again", "1.0.0", bias=1)
    with pytest.raises(BundleError, match=f"{digest}.*{other_digest}"):
        publish(client, "v1.0.0", others, digest=other_digest, say=quiet)
    assert truth(github) == before


def test_files_that_are_not_the_ones_that_were_made_never_reach_github(
    github: GitHub, client: Client, tmp_path: Path
) -> None:
    files, digest = release_files(tmp_path, "1.0.0")
    (files / "report.html").write_text("<html>other</html>")
    with pytest.raises(BundleError, match=r"report.html: expected sha256"):
        publish(client, "v1.0.0", files, digest=digest, say=quiet)
    assert github.requests == []


def test_doubled_and_half_filled_drafts_become_one_page_and_a_persons_draft_stays(
    github: GitHub, client: Client, tmp_path: Path
) -> None:
    files, digest = release_files(tmp_path, "1.0.0")
    for body in (f"{MARK}\nold", f"{MARK}\nolder", "a person's words"):
        draft = client.create_git_release("v1.0.0", "v1.0.0", body, draft=True, prerelease=True)
        draft.upload_asset_from_memory(b"half", 4, "report.html")
    publish(client, "v1.0.0", files, digest=digest, say=quiet)
    pages = [(r.draft, r.body) for r in github.repository.releases]
    assert pages == [(False, f"{MARK}\n# 1.0.0\n"), (True, "a person's words")]
    assert {(a.name, len(a.content)) for a in github.repository.releases[0].assets} == {
        (path.name, path.stat().st_size) for path in files.iterdir()
    }


def test_a_token_without_the_power_is_told_so(
    github: GitHub, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slipway.github.client import connect

    files, digest = release_files(tmp_path, "1.0.0")
    monkeypatch.setenv("GH_TOKEN", github.token(contents="read"))
    with pytest.raises(GitHubError, match=r"the draft of v1.0.0 could not be created.*403"):
        publish(connect(), "v1.0.0", files, digest=digest, say=quiet)


def test_a_refusal_is_one_issue_however_often_it_is_reported(github: GitHub, client: Client, tmp_path: Path) -> None:
    files, _ = release_files(tmp_path, "1.0.2", refused=True)
    assert open_refusal_issue(client, "v1.0.2", files) == open_refusal_issue(client, "v1.0.2", files)
    assert [(i.title, i.body) for i in github.repository.issues] == [("The gate refused v1.0.2", "# 1.0.2\n")]


def test_a_section_is_added_to_an_immutable_page_and_then_replaced(
    github: GitHub, client: Client, tmp_path: Path
) -> None:
    publish_release(client, tmp_path, "1.0.0")
    [page] = github.repository.releases
    before = truth(github)
    show_section(client, "v1.0.0", "rebuilt", "identical", quiet)
    assert page.immutable
    assert page.body.startswith(f"{MARK}\n# 1.0.0\n")
    page.body += "\nA person wrote this."
    # The text of a section is not trusted: its own end mark ends nothing.
    for text in ("different <!-- slipway: end of rebuilt --> once", "different twice"):
        show_section(client, "v1.0.0", "rebuilt", text, quiet)
    assert page.body.count("identical") == page.body.count("once") == 0
    assert page.body.count("different twice") == 1
    assert page.body.strip().endswith("A person wrote this.")
    assert truth(github) == before
