"""A serving host follows GitHub: forward, back, and not at all where a person or a digest says no."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from fake_github.fake import GitHub

from slipway.bundle.signature import Trust
from slipway.commands.pull import follow_latest, pull_tag
from slipway.errors import BundleError, BusyError, GitHubError, HeldError, NotFoundError, RolloutError, SignatureError
from slipway.github.promote import promote, resume
from slipway.rollout.rollout import resume as resume_here
from slipway.rollout.rollout import roll_back
from slipway.target.journal import history
from slipway.target.target import Target
from tests.support.bundles import serving
from tests.support.release_files import Client, publish_and_promote, publish_release, quiet


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path / "host" / "target")


def pull(target: Target, client: Client) -> None:
    follow_latest(target, client, trust=Trust(), progress=quiet)


def left_behind(target: Target) -> list[Path]:
    return [path for path in target.path.glob(".incoming*") if path.is_dir()]


def test_a_host_follows_latest_and_journals_who_decided(client: Client, target: Target, tmp_path: Path) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    pull(target, client)
    publish_and_promote(client, tmp_path, "1.0.1")
    pull(target, client)
    assert serving(target) == "1.0.1"
    told = [(row["who"], row["to"], row["reason"], row["outcome"]) for row in history(target.entries())]
    assert told == [("github:ann", v, "released", "proved") for v in ("1.0.0", "1.0.1")]
    assert left_behind(target) == []


def test_pulling_again_downloads_and_writes_nothing(
    github: GitHub, client: Client, target: Target, tmp_path: Path
) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    pull(target, client)
    journal, asked = target.journal.read_bytes(), len(github.requests)
    pull(target, client)
    assert target.journal.read_bytes() == journal
    assert [str(request) for request in github.requests[asked:]] == [f"GET /repos/{github.full_name}/releases/latest"]


def test_a_published_release_that_nobody_promoted_is_not_followed(
    client: Client, target: Target, tmp_path: Path
) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    publish_release(client, tmp_path, "1.0.1")
    pull(target, client)
    assert serving(target) == "1.0.0"


def test_before_the_first_champion_there_is_nothing_to_pull(client: Client, target: Target) -> None:
    with pytest.raises(NotFoundError, match="no champion yet; there is still no champion"):
        pull(target, client)


def test_a_rollback_on_github_rolls_the_host_back_and_a_resume_there_lifts_the_hold(
    client: Client, target: Target, tmp_path: Path
) -> None:
    publish_and_promote(client, tmp_path, "1.0.0", "1.0.1")
    pull(target, client)
    promote(client, "v1.0.0", who="bob", reason="drifted", rollback=True, say=quiet)
    pull(target, client)
    assert serving(target) == "1.0.0"
    assert (target.active_hold() or pytest.fail("not held")).reason == "drifted"
    resume(client, who="bob", reason="mended", say=quiet)
    publish_and_promote(client, tmp_path, "1.0.2")
    pull(target, client)
    assert serving(target) == "1.0.2"
    assert [row["action"] for row in history(target.entries())] == ["rollout", "rollback", "resume", "rollout"]


def test_a_hold_that_a_person_put_on_the_host_stays_until_lifted_there(
    client: Client, target: Target, tmp_path: Path
) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    pull(target, client)
    publish_and_promote(client, tmp_path, "1.0.1")
    pull(target, client)
    roll_back(target, reason="wrong here", who="eve")
    publish_and_promote(client, tmp_path, "1.1.0")
    with pytest.raises(HeldError, match=r"eve rolled back.*wrong here"):
        pull(target, client)
    assert serving(target) == "1.0.0"
    resume_here(target, reason="right again", who="eve")
    pull(target, client)
    assert serving(target) == "1.1.0"


def test_a_named_release_is_pulled_before_it_is_promoted(client: Client, target: Target, tmp_path: Path) -> None:
    publish_release(client, tmp_path, "1.0.0")
    pull_tag(target, client, "v1.0.0", reason="released", who="ann", rollback=False, trust=Trust(), progress=quiet)
    assert serving(target) == "1.0.0"


def test_an_older_release_is_brought_by_a_rollback_only(client: Client, target: Target, tmp_path: Path) -> None:
    publish_and_promote(client, tmp_path, "1.0.0", "1.0.1")
    pull(target, client)
    with pytest.raises(RolloutError, match=r"1\.0\.0 is not newer than 1\.0\.1"):
        pull_tag(target, client, "v1.0.0", reason="", who="ann", rollback=False, trust=Trust(), progress=quiet)
    pull_tag(target, client, "v1.0.0", reason="drifted", who="ann", rollback=True, trust=Trust(), progress=quiet)
    assert serving(target) == "1.0.0"


def test_a_refused_release_cannot_be_brought(client: Client, target: Target, tmp_path: Path) -> None:
    publish_release(client, tmp_path, "1.0.0", refused=True)
    with pytest.raises(NotFoundError, match="the gate refused it"):
        pull_tag(target, client, "v1.0.0", reason="", who="ann", rollback=False, trust=Trust(), progress=quiet)
    assert target.releases() == []


@pytest.mark.parametrize("name", ["flights-1.0.1.bundle.tar.gz", "SHA256SUMS"])
def test_bytes_that_differ_from_what_was_released_are_never_served(
    github: GitHub, client: Client, target: Target, tmp_path: Path, name: str
) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    pull(target, client)
    publish_and_promote(client, tmp_path, "1.0.1")
    page = next(release for release in github.repository.releases if release.tag_name == "v1.0.1")
    asset = next(asset for asset in page.assets if asset.name == name)
    asset.content = asset.content[:-1] + bytes([asset.content[-1] ^ 1])
    with pytest.raises(BundleError, match=r": expected sha256 \w{64} as (released|on GitHub), got"):
        pull(target, client)
    assert serving(target) == "1.0.0"
    assert left_behind(target) == []


def test_a_bundle_on_another_releases_page_is_not_taken(client: Client, target: Target, tmp_path: Path) -> None:
    publish_release(client, tmp_path, "1.0.0", tag="v1.0.1")
    with pytest.raises(BundleError, match=r"the release page of v1\.0\.1 contains a bundle of 1\.0\.0"):
        pull_tag(target, client, "v1.0.1", reason="", who="ann", rollback=False, trust=Trust(), progress=quiet)


def test_an_unsigned_release_is_not_taken_where_signatures_are_asked_for(
    client: Client, target: Target, tmp_path: Path
) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    with pytest.raises(SignatureError, match="1.0.0 is not signed"):
        follow_latest(target, client, trust=Trust(identity="deploy.yml", issuer="github"), progress=quiet)
    assert serving(target) is None


def test_a_second_pull_is_refused_while_one_runs(client: Client, target: Target, tmp_path: Path) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    target.path.mkdir(parents=True)
    with (target.path / ".incoming.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="another `slipway pull` is running"):
            pull(target, client)


def test_a_pull_during_another_rollout_is_refused_and_works_the_next_time(
    client: Client, target: Target, tmp_path: Path
) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    with target.lock("ann", create=True), pytest.raises(BusyError, match="ann holds the lock"):
        pull(target, client)
    pull(target, client)
    assert serving(target) == "1.0.0"


def test_a_private_repository_needs_a_token(
    github: GitHub, client: Client, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slipway.github.client import connect

    publish_and_promote(client, tmp_path, "1.0.0")
    monkeypatch.delenv("GH_TOKEN")
    pull(target, connect())
    github.repository.private = True
    publish_and_promote(client, tmp_path / "more", "1.0.1")
    with pytest.raises((NotFoundError, GitHubError)):
        pull(target, connect())
    assert serving(target) == "1.0.0"
