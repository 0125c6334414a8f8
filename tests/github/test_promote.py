"""Who is Latest: only forward, only what the gate passed, recorded, and a rollback holds until it is lifted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_github.fake import GitHub
from fake_github.faults import Fault

from slipway.errors import HeldError, NotFoundError, RolloutError, SettingsError
from slipway.github.client import retry
from slipway.github.deployments import records
from slipway.github.promote import promote, resume
from slipway.github.release_page import publish
from slipway.github.releases import latest_release, state_of
from slipway.versioning.semver import tag_of
from tests.support.release_files import Client, publish_and_promote, publish_release, quiet, release_files


def made_latest(client: Client, tag: str, **changes: Any) -> None:
    options = {"who": "ann", "reason": "released", "rollback": False, "say": quiet} | changes
    promote(client, tag, **options)


def on_top(client: Client) -> str | None:
    found = latest_release(client)
    return found.tag_name if found else None


def story(client: Client) -> list[tuple[str, str | None, str | None, str, str]]:
    told = [(r.record.action, r.record.from_, r.record.to, r.record.who, r.state) for r in records(client)]
    return told[::-1]


def test_a_promoted_release_is_latest_and_recorded(client: Client, tmp_path: Path) -> None:
    publish_and_promote(client, tmp_path, "1.0.0", "1.0.1")
    assert on_top(client) == "v1.0.1"
    assert story(client) == [
        ("rollout", None, "v1.0.0", "ann", "done"),
        ("rollout", "v1.0.0", "v1.0.1", "ann", "done"),
    ]


def test_promoting_again_changes_and_records_nothing(github: GitHub, client: Client, tmp_path: Path) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    asked = len(github.requests)
    made_latest(client, "v1.0.0")
    assert {request.method for request in github.requests[asked:]} == {"GET"}


def test_a_release_that_nobody_published_cannot_be_promoted(client: Client) -> None:
    with pytest.raises(NotFoundError, match=r"no published release v1\.0\.0"):
        made_latest(client, "v1.0.0")


def test_a_refused_release_cannot_be_promoted(client: Client, tmp_path: Path) -> None:
    publish_release(client, tmp_path, "1.0.0", refused=True)
    with pytest.raises(RolloutError, match=r"the gate refused it; there is still no champion"):
        made_latest(client, "v1.0.0")


def test_an_older_release_cannot_be_promoted_over_a_newer_one(client: Client, tmp_path: Path) -> None:
    files, digest = release_files(tmp_path, "1.0.1")
    publish_and_promote(client, tmp_path, "1.0.2")
    publish(client, "v1.0.1", files, digest=digest, say=quiet)
    with pytest.raises(RolloutError, match=r"v1\.0\.1 is not newer than v1\.0\.2.*still v1\.0\.2"):
        made_latest(client, "v1.0.1")
    assert state_of(client, "v1.0.1") == "superseded"


def test_a_rollback_makes_the_earlier_one_latest_and_holds_the_next_until_resumed(
    client: Client, tmp_path: Path
) -> None:
    publish_and_promote(client, tmp_path, "1.0.0", "1.0.1")
    made_latest(client, "v1.0.0", rollback=True, reason="drifted", who="bob")
    assert on_top(client) == "v1.0.0"
    assert state_of(client, "v1.0.1") == "replaced"
    with pytest.raises(RolloutError, match="is a past champion"):
        made_latest(client, "v1.0.1")
    publish_release(client, tmp_path, "1.0.2")
    with pytest.raises(HeldError, match=r"bob rolled back from v1\.0\.1 to v1\.0\.0 \(drifted\).*still v1\.0\.0"):
        made_latest(client, "v1.0.2")
    resume(client, who="bob", reason="mended", say=quiet)
    made_latest(client, "v1.0.2")
    assert story(client)[2:] == [
        ("rollback", "v1.0.1", "v1.0.0", "bob", "done"),
        ("resume", "v1.0.0", "v1.0.0", "bob", "done"),
        ("rollout", "v1.0.0", "v1.0.2", "ann", "done"),
    ]


def test_going_back_needs_a_reason_and_a_past_champion(client: Client, tmp_path: Path) -> None:
    publish_and_promote(client, tmp_path, "1.0.1")
    publish_release(client, tmp_path, "1.0.0")
    with pytest.raises(SettingsError, match="needs a reason"):
        made_latest(client, "v1.0.0", rollback=True, reason=" ")
    with pytest.raises(NotFoundError, match="never was champion"):
        made_latest(client, "v1.0.0", rollback=True, reason="try")


def test_after_a_temporary_failure_the_retry_concludes_the_record(
    github: GitHub, client: Client, tmp_path: Path
) -> None:
    publish_release(client, tmp_path, "1.0.0")
    github.plan(Fault("answer", at=1, matching="PATCH", after=True, status=502))
    retry(lambda: made_latest(client, "v1.0.0"), quiet)
    assert story(client) == [("rollout", None, "v1.0.0", "ann", "done")]


def test_resuming_twice_does_no_harm(client: Client, tmp_path: Path) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    resume(client, who="bob", reason="nothing is held", say=quiet)
    assert len(story(client)) == 1


@pytest.mark.parametrize(("at", "state"), [("PATCH", "failed"), ("GET .*/releases/latest", "done")])
def test_a_rollback_that_begins_while_a_release_is_promoted_counts(
    github: GitHub, client: Client, tmp_path: Path, at: str, state: str
) -> None:
    """The race that no concurrency group may settle, for a rollback waits for nobody."""
    publish_and_promote(client, tmp_path, "1.0.0", "1.0.1")
    publish_release(client, tmp_path, "1.0.2")
    from slipway.github.client import connect

    other = connect()
    race = Fault("call", at=1 if at == "PATCH" else 2, matching=at, action=lambda: back(github, other))
    github.plan(race)
    with pytest.raises(HeldError, match="bob rolled back to v1.0.0 in the meantime"):
        made_latest(client, "v1.0.2")
    assert on_top(client) == "v1.0.0"
    assert {(action, to, ended) for action, _, to, _, ended in story(client)[2:]} == {
        ("rollout", "v1.0.2", state),
        ("rollback", "v1.0.0", "done"),
    }


def back(github: GitHub, client: Client) -> None:
    github.faults.clear()
    made_latest(client, "v1.0.0", rollback=True, reason="drifted", who="bob")


@pytest.mark.parametrize(
    "text",
    ["", "1.0", "v1.0.0-rc.1", "1.0.0; touch canary", "$(touch canary)", "`id`", "v1.0.0\n", "../v1.0.0", "01.0.0"],
)
def test_a_version_is_text_until_it_is_seen_to_be_one(text: str) -> None:
    with pytest.raises(SettingsError, match="must be X.Y.Z"):
        tag_of(text)
