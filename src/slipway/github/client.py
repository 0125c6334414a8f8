"""Access GitHub's REST API through PyGithub: retry temporary failures, turn all others into one-sentence errors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from slipway.errors import GitHubError, SettingsError
from slipway.versioning.git.command import REMOTE, run

if TYPE_CHECKING:
    from github.Repository import Repository

RETRY_PAUSES = (0.5, 2.0)
"""Seconds before the second and the third attempt of an action that is safe to repeat."""
_TIMEOUT = 30
_API = "https://api.github.com"
_Result = TypeVar("_Result")
PrintLine = Callable[[str], None]
"""A function that prints a line for people."""


def connect(name: str | None = None) -> Repository:
    """The repository ``owner/name``, by default that of the workflow or of the remote ``origin``.

    ``GH_TOKEN`` or ``GITHUB_TOKEN`` is used if set; published releases of a public repository need no token.

    Raises:
        SettingsError: no repository is given, or ``GITHUB_API_URL`` would send the token unencrypted.
    """
    from github import Auth, Github
    from github.GithubRetry import GithubRetry

    token = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN")
    client = Github(
        auth=Auth.Token(token) if token else None,
        base_url=_api_url(),
        timeout=int(os.environ.get("SLIPWAY_GITHUB_TIMEOUT", _TIMEOUT)),
        # Only reads are retried here; `retry` below repeats complete actions that are safe to repeat.
        retry=GithubRetry(total=3, backoff_factor=0.2, allowed_methods={"GET"}, secondary_rate_wait=60),
        # PyGithub's default throttling would add up to a second to every request.
        seconds_between_requests=None,
        seconds_between_writes=None,
        per_page=100,
        lazy=True,
    )
    return client.get_repo(name or os.environ.get("GITHUB_REPOSITORY") or _origin())


def patch(thing: Any, **changes: Any) -> None:
    """Change only these fields of a release or an issue.

    A workaround: PyGithub's ``update_release`` always sends ``draft`` and ``prerelease`` too, False by default.
    """
    thing.requester.requestJsonAndCheck("PATCH", thing.url, input=changes)


@contextmanager
def github_errors(what: str) -> Iterator[None]:
    """Turn errors of PyGithub and requests into a GitHubError of one sentence, which begins with ``what``.

    Raises:
        GitHubError: any such error; ``transient`` if a retry may succeed.
    """
    from github import GithubException
    from requests import RequestException

    try:
        yield
    except GithubException as error:
        transient = error.status >= 500 or error.status == 429
        raise GitHubError(f"{what}: GitHub responded with {error.status}, {_message(error.data)}", transient) from error
    except (RequestException, ConnectionError, TimeoutError) as error:
        raise GitHubError(f"{what}: GitHub did not respond: {error}", transient=True) from error


def retry(work: Callable[[], _Result], say: PrintLine) -> _Result:
    """Run an action that is safe to repeat, and retry it while its errors are temporary.

    Raises:
        GitHubError: the last error.
    """
    for pause in RETRY_PAUSES:
        try:
            return work()
        except GitHubError as error:
            if not error.transient:
                raise
            say(f"{error}; trying again in {pause:g} s")
            time.sleep(pause)
    return work()


def _api_url() -> str:
    url = os.environ.get("GITHUB_API_URL") or _API
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise SettingsError(
            f"GITHUB_API_URL is {url}, which would send the token unencrypted; it must begin with https"
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _origin() -> str:
    url = run(Path(), "remote", "get-url", REMOTE).stdout.strip()
    path = url.removesuffix("/").removesuffix(".git").replace(":", "/").split("/")
    if len(path) < 2 or not all(path[-2:]):
        raise SettingsError("no GitHub repository is given; set GITHUB_REPOSITORY to owner/name")
    return "/".join(path[-2:])


def _message(data: Any) -> str:
    if not isinstance(data, dict):
        return str(data)[:200]
    causes = [
        str(e.get("message") or e.get("code")) if isinstance(e, dict) else str(e) for e in data.get("errors") or []
    ]
    return ": ".join([str(data.get("message", "no reason given")), *causes])
