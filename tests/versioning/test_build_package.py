"""The wheel and the source archive of a release: the tag's files, the tag's version, the same bytes each time."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from slipway.errors import ReleaseError
from slipway.versioning.build_package import build_package
from slipway.versioning.tag_release import tag_release
from tests.support.git_repositories import ROOT, clone, git, pushed, template

SLIPWAY = Path(sys.executable).with_name("slipway")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A package of a few real files, tagged without a release commit: its version stands in the tag only."""
    root = template(tmp_path)
    (root / "components" / "ingest").mkdir(parents=True)
    (root / "pipeline").mkdir()
    for name in (
        "README.md",
        "LICENSE",
        "slipway.toml",
        "contract.json",
        "pipeline/run.py",
        "components/ingest/flights.py",
    ):
        (root / name).write_bytes((ROOT / name).read_bytes())
    pushed(root, "feat: a package")
    assert tag_release(root, tag_only=True).tag == "v1.0.0"
    return root


def test_two_builds_of_a_tag_are_the_same_bytes_whatever_lies_around(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_package(root, tmp_path / "one")
    assert [path.name for path in first] == ["flights-1.0.0-py3-none-any.whl", "flights-1.0.0.tar.gz"]
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    other = clone(root, tmp_path / "elsewhere" / "clone")
    (other / "pipeline" / "stray.py").write_text("not committed")
    (other / "README.md").write_text("changed")
    umask = os.umask(0o077)
    try:
        done = subprocess.run(
            [SLIPWAY, "ci", "build-package", "../two"], cwd=other, check=True, capture_output=True, text=True
        )
    finally:
        os.umask(umask)
    second = sorted((tmp_path / "elsewhere" / "two").iterdir())
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert [line.split()[1] for line in done.stdout.splitlines()] == [path.name for path in first]
    assert git(root, "status", "--porcelain") == ""


def test_the_version_inside_is_the_tags_and_the_time_is_the_commits(root: Path, tmp_path: Path) -> None:
    pushed(root, "fix: later")
    wheel, source = build_package(root, tmp_path / "out", "v1.0.0")
    with ZipFile(wheel) as files:
        assert "\nVersion: 1.0.0\n" in files.read("flights-1.0.0.dist-info/METADATA").decode()
    with tarfile.open(source) as archive:
        assert {member.mtime for member in archive} == {int(git(root, "log", "-1", "--format=%ct", "v1.0.0"))}
        assert "flights-1.0.0/pyproject.toml" in archive.getnames()


def test_without_a_release_there_is_no_package(root: Path, tmp_path: Path) -> None:
    pushed(root, "docs: after it")
    for tag in ("", "main", "v1.0", "--help"):
        with pytest.raises(ReleaseError, match="is not at a release tag, so no package was built"):
            build_package(root, tmp_path / "out", tag)
    with pytest.raises(ReleaseError, match="`git log` failed"):
        build_package(root, tmp_path / "out", "v9.9.9")
    assert not (tmp_path / "out").exists()


def test_a_build_that_fails_keeps_nothing(root: Path, tmp_path: Path) -> None:
    (root / "LICENSE").unlink()
    (root / "README.md").unlink()
    pushed(root, "fix: forget the README")
    tag_release(root, tag_only=True)
    with pytest.raises(ReleaseError, match=r"the package could not be built: .*README\.md"):
        build_package(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()
