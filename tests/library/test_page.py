"""The library's packages and its page on GitHub, which is never Latest."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest
from fake_github.fake import GitHub

from library.packages import build_packages
from library.page import publish_page
from slipway.errors import BundleError, NotFoundError, ReleaseError
from slipway.github.releases import champions, latest_release
from tests.support.git_repositories import git
from tests.support.library_source import library_repository, library_version, sha256
from tests.support.release_files import Client, publish_and_promote, quiet

TAG = "slipway-ml-v1.2.0"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    for name in ("slipway_ml-1.2.0-py3-none-any.whl", "slipway_ml-1.2.0.tar.gz"):
        (folder / name).write_text(name)
    return folder


def page_of(github: GitHub, tag: str = TAG) -> list[tuple[bool, bool, list[str]]]:
    pages = [page for page in github.repository.releases if page.tag_name == tag]
    return [(page.draft, page.prerelease, sorted(asset.name for asset in page.assets)) for page in pages]


def test_the_page_has_the_packages_and_the_champion_stays_latest(
    github: GitHub, client: Client, packages: Path, tmp_path: Path
) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    publish_page(client, TAG, packages, "### Fixes\n\n- One", quiet)
    assert page_of(github) == [(False, False, sorted(path.name for path in packages.iterdir()))]
    latest = latest_release(client)
    assert latest is not None
    assert latest.tag_name == "v1.0.0"
    assert [page.tag_name for page in champions(client)] == ["v1.0.0"]
    publish_and_promote(client, tmp_path, "1.1.0")
    latest = latest_release(client)
    assert latest is not None
    assert latest.tag_name == "v1.1.0"


def test_before_the_first_champion_the_library_is_not_taken_for_one(client: Client, packages: Path) -> None:
    publish_page(client, TAG, packages, "", quiet)
    assert latest_release(client) is None
    assert champions(client) == []


def test_running_it_again_repairs_a_draft_and_leaves_a_published_page_alone(
    github: GitHub, client: Client, packages: Path
) -> None:
    client.create_git_release(TAG, TAG, "<!-- made by slipway -->\nhalf", draft=True)
    client.create_git_release(TAG, "a person's", "notes", draft=True)
    addresses = {publish_page(client, TAG, packages, "", quiet) for _ in range(2)}
    assert len(addresses) == 1
    assert sorted(draft for draft, _, _ in page_of(github)) == [False, True]
    (packages / "slipway_ml-1.2.0.tar.gz").write_text("other bytes")
    with pytest.raises(
        BundleError, match=r"has other files than were built \(slipway_ml-1.2.0.tar.gz\); they were not"
    ):
        publish_page(client, TAG, packages, "", quiet)


def test_a_folder_without_packages_is_refused(client: Client, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="has no packages of slipway-ml; nothing was published"):
        publish_page(client, TAG, tmp_path, "", quiet)


@pytest.mark.slow
def test_the_packages_of_a_tag_are_the_same_bytes_each_time(tmp_path: Path, own_environment: None) -> None:
    root = library_repository(tmp_path / "repository")
    version = library_version(root)
    with pytest.raises(ReleaseError, match=f"slipway-ml-v{version} is not checked out"):
        build_packages(root, f"slipway-ml-v{version}", tmp_path / "refused")
    git(root, "tag", f"slipway-ml-v{version}")
    first, second = (build_packages(root, f"slipway-ml-v{version}", tmp_path / name) for name in ("one", "two"))
    assert [path.name for path in first] == [f"slipway_ml-{version}-py3-none-any.whl", f"slipway_ml-{version}.tar.gz"]
    assert list(map(sha256, first)) == list(map(sha256, second))
    with ZipFile(first[0]) as wheel:
        assert wheel.read("slipway/template/pipeline/run.py") == (root / "pipeline" / "run.py").read_bytes()
    (root / "src" / "slipway" / "stray.py").touch()
    with pytest.raises(ReleaseError, match=r"has changes that are not in slipway-ml-v.* \(src/slipway/stray.py\)"):
        build_packages(root, f"slipway-ml-v{version}", tmp_path / "refused")
