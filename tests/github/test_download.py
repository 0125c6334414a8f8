"""A job that needs GitHub's champion gets the one that is Latest, whatever is newer, and only if it is trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.bundle.signature import Trust
from slipway.errors import NotFoundError, SignatureError
from slipway.github.download import fetch_champion
from slipway.github.promote import promote
from tests.support.release_files import Client, publish_and_promote, quiet


def test_it_is_the_latest_one_after_a_rollback_too(client: Client, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no champion yet"):
        fetch_champion(client, tmp_path, Trust())
    publish_and_promote(client, tmp_path, "1.0.0", "1.0.1")
    assert fetch_champion(client, tmp_path, Trust()).release.version == "1.0.1"
    promote(client, "v1.0.0", who="ann", reason="worse", rollback=True, say=quiet)
    again = [fetch_champion(client, tmp_path, Trust()) for _ in range(2)]
    assert [bundle.release.version for bundle in again] == ["1.0.0", "1.0.0"]
    with pytest.raises(SignatureError, match="1.0.0 is not signed"):
        fetch_champion(client, tmp_path, Trust(identity="release@example.org", issuer="https://example.org"))
