"""What goes wrong goes wrong where the plan says, before or after the effect."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time

import pytest
import requests
from fake_github.clients import Client, pygithub
from fake_github.fake import GitHub
from fake_github.faults import Fault
from github import GithubException, GithubRetry, RateLimitExceededException

CREATE = {"tag_name": "v1.0.0", "draft": True}


def drafts(client: Client) -> int:
    return len(client.get("releases").json)


def test_without_a_plan_the_requests_are_numbered_from_one(writer: Client, github: GitHub) -> None:
    writer.release("v1.0.0")
    writer.get("releases")
    assert [(request.number, str(request)) for request in github.requests] == [
        (1, "POST /repos/octo/flights/releases"),
        (2, "GET /repos/octo/flights/releases"),
    ]


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("after", [False, True])
def test_an_error_comes_at_the_kth_request_before_or_after_the_effect(
    writer: Client, github: GitHub, status: int, after: bool
) -> None:
    github.plan(Fault("answer", at=2, status=status, after=after))
    assert [writer.post("releases", **CREATE).status for _ in range(3)] == [201, status, 201]
    assert drafts(writer) == (3 if after else 2)


@pytest.mark.parametrize("after", [False, True])
def test_a_connection_is_reset_before_or_after_the_effect(writer: Client, github: GitHub, after: bool) -> None:
    github.plan(Fault("reset", after=after))
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        writer.post("releases", **CREATE)
    assert drafts(writer) == int(after)


@pytest.mark.parametrize("after", [False, True])
def test_a_request_hangs_until_the_client_gives_up(github: GitHub, after: bool) -> None:
    token = github.token(contents="write")
    github.plan(Fault("hang", after=after))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        Client(github, token, timeout=0.2).post("releases", **CREATE)
    assert time.monotonic() - began >= 0.2
    assert drafts(Client(github, token)) == int(after)


def test_an_answer_is_cut_short(writer: Client, github: GitHub) -> None:
    github.plan(Fault("cut answer"))
    with pytest.raises(http.client.IncompleteRead):
        writer.post("releases", **CREATE)
    assert drafts(writer) == 1


def test_an_answer_of_nothing_is_cut_by_a_reset(writer: Client, github: GitHub) -> None:
    release = writer.release("v1.0.0")
    github.plan(Fault("cut answer"))
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        writer.delete(f"releases/{release['id']}")
    assert drafts(writer) == 0


def test_a_download_is_cut_short(writer: Client, github: GitHub) -> None:
    asset = writer.upload(writer.release("v1.0.0"), "a.zip", b"x" * 1000).json
    storage = writer.get(asset["url"], accept="application/octet-stream").headers["Location"]
    github.plan(Fault("cut answer", matching="GET /storage/"))
    with pytest.raises(http.client.IncompleteRead):
        writer.get(storage)
    assert len(writer.get(storage).body) == 1000


def test_an_upload_cut_on_the_way_is_502_and_leaves_a_starter(writer: Client, github: GitHub) -> None:
    release = writer.release("v1.0.0", draft=True)
    github.plan(Fault("cut upload", matching="POST .*/assets"))
    assert writer.upload(release, "a.zip", b"x" * 1000).status == 502
    assert [asset["state"] for asset in writer.get(f"releases/{release['id']}/assets").json] == ["starter"]
    assert writer.upload(release, "a.zip", b"x" * 1000).status == 422


def test_faults_can_meet_a_cut_upload_and_a_reset(writer: Client, github: GitHub) -> None:
    release = writer.release("v1.0.0", draft=True)
    github.plan(Fault("cut upload"), Fault("reset", after=True))
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        writer.upload(release, "a.zip", b"x" * 1000)
    assert writer.get(f"releases/{release['id']}/assets").json[0]["state"] == "starter"


def test_a_secondary_rate_limit_is_403_with_retry_after(writer: Client, github: GitHub) -> None:
    github.plan(Fault("rate limit", retry_after=7))
    refused = writer.post("releases", **CREATE)
    assert (refused.status, refused.headers["Retry-After"]) == (403, "7")
    assert refused.message.startswith("You have exceeded a secondary rate limit")
    assert drafts(writer) == 0


def test_a_secondary_rate_limit_is_what_pygithub_takes_for_one(github: GitHub) -> None:
    repository = pygithub(github, github.token(contents="write"))
    github.plan(Fault("rate limit"))
    with pytest.raises(RateLimitExceededException):
        repository.create_git_release("v1.0.0", "One", "")


def test_pygithub_waits_as_long_as_it_is_told_and_goes_on(github: GitHub) -> None:
    repository = pygithub(github, github.token(contents="write"), retry=GithubRetry(total=3))
    github.plan(Fault("rate limit", retry_after=1))
    began = time.monotonic()
    assert repository.create_git_release("v1.0.0", "One", "").tag_name == "v1.0.0"
    assert time.monotonic() - began >= 1


def test_a_fault_lasts_as_many_requests_as_it_says_among_those_that_match(writer: Client, github: GitHub) -> None:
    github.plan(Fault("answer", at=2, times=2, matching="GET .*/latest"))
    writer.get("releases")
    assert [writer.get("releases/latest").status for _ in range(4)] == [404, 502, 502, 404]
    github.plan(Fault("answer"))
    github.faults.clear()
    assert writer.get("releases").status == 200


@pytest.mark.parametrize("after", [False, True])
def test_a_client_is_killed_before_or_after_the_effect(github: GitHub, after: bool) -> None:
    token = github.token(contents="write")
    program = (
        "import sys, json, urllib.request as u\n"
        "for tag in ('v1', 'v2', 'v3'):\n"
        "    body = json.dumps({'tag_name': tag, 'draft': True}).encode()\n"
        "    u.urlopen(u.Request(sys.argv[1], body, {'Authorization': 'token ' + sys.argv[2]}))\n"
    )
    client = subprocess.Popen([sys.executable, "-c", program, f"{github.repository.api}/releases", token])
    github.plan(Fault("kill", at=2, after=after, action=lambda: os.kill(client.pid, signal.SIGKILL)))
    assert client.wait(timeout=60) == -signal.SIGKILL
    tags = [release.tag_name for release in github.repository.releases]
    assert tags == (["v1", "v2"] if after else ["v1"])


def test_somebody_else_may_be_quicker(writer: Client, github: GitHub) -> None:
    other = Client(github, github.token(contents="write"))
    github.plan(Fault("call", action=lambda: other.release("v1.0.0")))
    assert writer.post("releases", tag_name="v1.0.0").status == 422
    assert drafts(writer) == 1


def test_pygithub_repeats_a_post_whose_answer_was_lost_and_so_makes_two_drafts(writer: Client, github: GitHub) -> None:
    repository = pygithub(github, github.token(contents="write"), retry=GithubRetry(total=3))
    github.plan(Fault("answer", after=True, status=502))
    repository.create_git_release("v1.0.0", "One", "", draft=True)
    assert drafts(writer) == 2


def test_pygithub_reports_a_lost_connection_when_it_may_not_retry(github: GitHub) -> None:
    repository = pygithub(github, github.token(contents="write"))
    github.plan(Fault("reset"), Fault("answer", at=2, status=503))
    with pytest.raises(requests.exceptions.ConnectionError):
        repository.get_releases().totalCount  # noqa: B018
    with pytest.raises(GithubException) as caught:
        repository.get_releases().totalCount  # noqa: B018
    assert caught.value.status == 503
