"""A fake GitHub with the tags of some releases, and this repository's client on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.github.client import connect
from tests.deploy.github.pages import Client, bare_repository
from tests.github.fake import GitHub

ALL = {"contents": "write", "deployments": "write", "issues": "write", "actions": "write"}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    """A public repository whose published releases are immutable, as they should be."""
    with GitHub(bare_repository(tmp_path / "origin"), immutable_releases=True) as github:
        yield github
        assert github.unknown == []


@pytest.fixture
def client(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Our client with all the powers that the workflows' jobs share between them."""
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", github.full_name)
    monkeypatch.setenv("GH_TOKEN", github.token("octocat", **ALL))
    monkeypatch.setenv("SLIPWAY_GITHUB_TIMEOUT", "20")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("SLIPWAY_TARGET", raising=False)
    return connect()
