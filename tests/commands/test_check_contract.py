"""Is the next version honest about the contract? Real commits, the real decision, a real bundle as champion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_github.fake import GitHub
from msgspec.structs import replace

from slipway.contract.schema import Contract, encode_contract
from slipway.errors import CompatibilityError, ReleaseError
from slipway.github.client import connect
from slipway.settings.settings import load_settings
from slipway.versioning.next_version import find_next_version
from tests.support.bundles import flip, make_bundle
from tests.support.fork_server import Ended, slipway_here
from tests.support.git_repositories import clone, commit, git, pushed, released
from tests.support.projects import diabetes
from tests.support.release_files import bare_repository, publish_and_promote

pytestmark = pytest.mark.usefixtures("own_environment")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A released project with settings and a contract; the earlier contract is kept beside it."""
    root = released(tmp_path)
    settings = load_settings(diabetes(root))
    (root / "contract.json").write_bytes(encode_contract(settings.contract))
    (root / ".gitignore").write_text(".slipway/\n")
    pushed(root, "docs: a project")
    git(root, "tag", "-f", "-a", "v1.0.0", "-m", "v1.0.0")
    (tmp_path / "before.json").write_bytes((root / "contract.json").read_bytes())
    return root


def edit(root: Path, old: str, new: str) -> None:
    """Change the features, and the contract with them."""
    settings = root / "slipway.toml"
    assert old in settings.read_text()
    settings.write_text(settings.read_text().replace(old, new))
    (root / "contract.json").write_bytes(encode_contract(load_settings(settings).contract))


def check(root: Path, *arguments: str, **variables: str) -> Ended:
    return slipway_here(root, "contract", "check", *arguments, **variables)


BREAKING = ("\"age\" = 'double'\n", "")
WIDER = ("\"age\" = 'double'", '"age" = { type = "double", nullable = true }')


def test_the_same_contract_passes_whatever_the_commits_say(root: Path) -> None:
    commit(root, "docs: nothing")
    done = check(root, "--against", "../before.json")
    assert (done.returncode, done.stdout) == (0, "nothing changed for callers of 1.0.0\n")


@pytest.mark.parametrize(
    ("change", "message", "honest"),
    [
        (BREAKING, "feat: fewer inputs", False),
        (BREAKING, "feat!: fewer inputs", True),
        (BREAKING, "fix: tidy up\n\nBREAKING CHANGE: age is gone", True),
        (WIDER, "feat: age may be missing", True),
        (WIDER, "docs: nothing to see", False),
    ],
)
def test_a_change_for_callers_needs_a_commit_that_says_so(
    root: Path, change: tuple[str, str], message: str, honest: bool
) -> None:
    edit(root, *change)
    commit(root, message)
    done = check(root, "--against", "../before.json", "--json")
    assert done.returncode == (0 if honest else CompatibilityError.exit_code)
    told = json.loads(done.stdout)
    assert (told["honest"], told["champion"]) == (honest, "1.0.0")
    assert [found["column"] for found in told["changes"]] == ["age"]
    if not honest:
        prefix, least = ("feat!: ...", "2.0.0") if change is BREAKING else ("feat: ...", "1.1.0")
        assert f"callers of 1.0.0 need at least {least}" in done.stderr
        assert f"add a commit such as `{prefix}`" in done.stderr
        assert "input 'age'" in done.stderr


def test_it_works_on_the_detached_merge_commit_of_a_pull_request(root: Path, tmp_path: Path) -> None:
    git(root, "checkout", "-q", "-b", "side")
    edit(root, *BREAKING)
    commit(root, "feat!: fewer inputs")
    git(root, "checkout", "-q", "main")
    commit(root, "docs: meanwhile", file="other.txt")
    git(root, "checkout", "-q", "--detach", "main")
    git(root, "merge", "-q", "--no-ff", "side", "-m", "Merge side into main")
    status, branches = git(root, "status", "--porcelain"), git(root, "branch", "--list")
    assert check(root, "--against", "../before.json").returncode == 0
    assert find_next_version(root).version == "2.0.0"
    assert (git(root, "status", "--porcelain"), git(root, "branch", "--list")) == (status, branches)
    # A squash merge releases what the title says, whatever the commits were called.
    assert find_next_version(root, "fix: tidy up").version == "1.0.1"
    refused = check(root, "--against", "../before.json", SLIPWAY_TITLE="fix: tidy up (#12)")
    assert refused.returncode == CompatibilityError.exit_code
    assert "the next version is 1.0.1" in refused.stderr
    assert check(root, "--against", "../before.json", "--title", "feat!: fewer inputs").returncode == 0


def test_a_title_counts_from_where_the_branch_left_main(root: Path) -> None:
    git(root, "checkout", "-q", "-b", "side")
    commit(root, "wip")
    commit(root, "feat: half of it")
    assert find_next_version(root, "fix: all of it").version == "1.0.1"
    assert find_next_version(root).version == "1.1.0"


def test_a_pull_request_to_a_maintenance_branch_keeps_to_its_numbers(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_BASE_REF", "1.0.x")
    git(root, "checkout", "-q", "--detach")
    commit(root, "fix: x")
    assert find_next_version(root).version == "1.0.1"
    commit(root, "feat: x")
    with pytest.raises(ReleaseError, match=r"branch 1\.0\.x releases only 1\.0\.\*"):
        find_next_version(root)


def test_at_a_tag_the_next_version_is_the_tags(root: Path) -> None:
    edit(root, *WIDER)
    commit(root, "feat: age may be missing")
    git(root, "tag", "v1.1.0")
    git(root, "checkout", "-q", "--detach", "v1.1.0")
    done = check(root, "--against", "../before.json", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["champion"], told["next"]) == (0, "1.0.0", "1.1.0")
    assert find_next_version(root).new is False


def test_a_shallow_checkout_is_told_to_fetch_all(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="fetch-depth: 0"):
        find_next_version(clone(root, tmp_path / "shallow", "--depth", "1"))


def test_the_champion_of_the_local_target_is_what_callers_rely_on(root: Path) -> None:
    none = check(root)
    assert (none.returncode, none.stdout.split(",")[0]) == (0, "there is no release to compare with")
    target = root / ".slipway" / "target"
    bundle = make_bundle(target / "releases", version="1.0.0", task="regression")
    flip(target, bundle)
    commit(root, "feat: another model altogether")
    for against in ((), ("--against", str(bundle))):
        done = check(root, *against)
        assert done.returncode == CompatibilityError.exit_code
        assert "input 'distance' was removed" in done.stderr
        assert "need at least 2.0.0, but the next version is 1.1.0" in done.stderr


def test_a_contract_that_lags_behind_the_settings_is_not_judged(root: Path) -> None:
    settings = load_settings(root / "slipway.toml")
    stale: Contract = replace(settings.contract, inputs=settings.contract.inputs[1:])
    (root / "contract.json").write_bytes(encode_contract(stale))
    done = check(root)
    assert done.returncode == 6
    assert "disagree about column 'age'" in done.stderr


def test_the_release_that_github_calls_latest_is_what_callers_rely_on(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GitHub(bare_repository(tmp_path / "hosted"), immutable_releases=True) as github:
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", github.full_name)
        monkeypatch.setenv("GH_TOKEN", github.token("octocat", contents="write", deployments="write"))
        none = check(root, "--github")
        assert (none.returncode, none.stdout.split(",")[0]) == (0, "there is no release to compare with")
        publish_and_promote(connect(), tmp_path / "pages", "1.0.1")
        commit(root, "fix: another model altogether")
        done = check(root, "--github")
    assert done.returncode == CompatibilityError.exit_code
    assert "callers of 1.0.1 need at least 2.0.0, but the next version is 1.0.1" in done.stderr
    assert "the task changed from classification to regression" in done.stderr
