"""New data by its sha256: where it is pinned, where a copy is kept, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from slipway.commands.retrain.snapshot import snapshot
from slipway.errors import DataChangedError, DataError

BYTES = b"weight,distance\n1,2\n"
DIGEST = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "october.csv"
    path.parent.mkdir()
    path.write_bytes(BYTES)
    return path


def test_without_a_place_for_snapshots_it_is_pinned_where_it_is(data: Path, tmp_path: Path) -> None:
    for given in ("data/october.csv", str(data)):
        pinned = snapshot(given, "", tmp_path)
        assert (pinned.uri, pinned.sha256) == ("data/october.csv", DIGEST)


@pytest.mark.parametrize("store", ["kept", "memory://kept"])
def test_a_copy_is_kept_under_its_digest_whatever_becomes_of_the_original(
    data: Path, tmp_path: Path, store: str
) -> None:
    pinned = snapshot("data/october.csv", store, tmp_path)
    assert (pinned.uri, pinned.sha256) == (f"{store}/{DIGEST}/october.csv", DIGEST)
    assert snapshot(str(data), store, tmp_path) == pinned
    data.unlink()
    place = pinned.uri if "://" in store else str(tmp_path / pinned.uri)
    with fsspec.open(place, "rb") as file:
        assert file.read() == BYTES


def test_a_torn_copy_is_made_again(data: Path, tmp_path: Path) -> None:
    torn = tmp_path / "kept" / DIGEST / "october.csv"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(BYTES[:3])
    snapshot("data/october.csv", "kept", tmp_path)
    assert torn.read_bytes() == BYTES


def test_remote_data_is_pinned_by_what_is_there_now(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/bucket/october.csv", BYTES)
    assert snapshot("memory://bucket/october.csv", "", tmp_path).sha256 == DIGEST


class Restless(LocalFileSystem):
    """Files that somebody writes to while they are read."""

    protocol = "restless"

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        opened = super().open(path, mode, **options)
        with Path(path).open("ab") as file:
            file.write(b"3,4\n")
        return opened


def test_data_that_changes_while_it_is_read_is_refused(data: Path, tmp_path: Path) -> None:
    fsspec.register_implementation("restless", Restless, clobber=True)
    with pytest.raises(DataChangedError, match="changed while it was read; nothing was changed"):
        snapshot(f"restless://{data}", "kept", tmp_path)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("data/november.csv", "cannot be read"), ("data", "is a folder"), ("memory://gone/x.csv", "cannot be read"),
        ("nowhere://x.csv", "cannot be read"), ("data/empty.csv", "is empty"), ("", "is a folder"),
    ],
)  # fmt: skip
def test_what_is_no_data_is_refused(data: Path, tmp_path: Path, uri: str, why: str) -> None:
    (data.parent / "empty.csv").touch()
    with pytest.raises(DataError, match=f"{why}.*nothing was changed"):
        snapshot(uri, "kept", tmp_path)


def test_a_place_that_cannot_be_written_is_told(data: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(Exception, match="cannot be (copied|written)"):
        snapshot("data/october.csv", "kept", tmp_path)
