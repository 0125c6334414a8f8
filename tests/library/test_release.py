"""A release of the library on real repositories: what decides its version, and that the project's releases stay apart."""

from __future__ import annotations

import datetime
import tomllib
from pathlib import Path

import pytest

from library.next_version import add_to_changelog, find_next_library, read_notes
from library.release import release_library
from slipway.errors import BranchMovedError, ReleaseError
from slipway.versioning.checkout_version import version_of
from slipway.versioning.git.checkout import checkout_at
from slipway.versioning.next_version import find_next_version
from slipway.versioning.semver import is_release_tag
from slipway.versioning.tag_release import tag_release
from tests.support.git_repositories import clone, commit, git, hook, pushed, refs, released, tagged, template

pytestmark = pytest.mark.usefixtures("own_environment")
TODAY = datetime.date(2026, 11, 28)
ERRORS = "class SlipwayError(Exception):\n    exit_code = 1\n\n\ndef error_for(exit_code: int) -> None: ...\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project at 1.0.0 with a small library, which was never released."""
    root = template(tmp_path)
    package, template_folder = root / "src" / "slipway", root / "src" / "slipway" / "template" / "pipeline"
    template_folder.mkdir(parents=True)
    (root / "pipeline").mkdir()
    (root / "pipeline" / "run.py").write_text("steps = 1\n")
    (template_folder / "run.py").symlink_to("../../../../pipeline/run.py")
    (package / "__init__.py").touch()
    (package / "errors.py").write_text(ERRORS)
    (root / "src" / "pyproject.toml").write_text('[project]\nname = "slipway-ml"\nversion = "0.0.0" # set by a tool\n')
    tagged(root, "v1.0.0", "feat: the project and its library")
    return root


@pytest.fixture
def at_1(root: Path) -> Path:
    """The same, with the library at 1.0.0."""
    assert release_library(root).tag == "slipway-ml-v1.0.0"
    return root


def change(root: Path, message: str, file: str = "src/slipway/work.py") -> str:
    done = commit(root, message, file=file)
    git(root, "push", "-q", "origin", "HEAD")
    return done


def version_in(root: Path) -> str:
    return str(tomllib.loads((root / "src" / "pyproject.toml").read_text())["project"]["version"])


def test_the_first_release_is_1_0_0_and_everything_arrives_in_one_step(root: Path) -> None:
    done = release_library(root)
    assert (done.tag, version_in(root)) == ("slipway-ml-v1.0.0", "1.0.0")
    assert "# set by a tool" in (root / "src" / "pyproject.toml").read_text()
    assert (
        git(root, "log", "-1", "--format=%s|%an", done.tag) == "chore(library): slipway-ml v1.0.0|github-actions[bot]"
    )
    assert git(root, "diff", "--name-only", "HEAD~1", "HEAD").split() == ["src/CHANGELOG.md", "src/pyproject.toml"]
    assert refs(root)["main"] == git(root, "rev-parse", "HEAD")
    assert refs(root)["slipway-ml-v1.0.0"] == git(root, "rev-parse", "slipway-ml-v1.0.0")
    assert git(root, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("message", "file", "version"),
    [
        ("fix: a wrong sign", "src/slipway/work.py", "1.0.1"),
        ("feat(cli): a verb", "src/slipway/work.py", "1.1.0"),
        ("feat!: another form", "src/slipway/work.py", "2.0.0"),
        ("fix: the pipeline of the template", "pipeline/run.py", "1.0.1"),
        ('Revert "feat: a verb"\n\nThis reverts commit 1a2b3c4.', "src/slipway/work.py", "1.0.1"),
        ("docs: a comment", "src/slipway/work.py", ""),
        ("feat!: the project alone", "slipway.toml", ""),
        ("fix: a component of the project that the template lacks", "components/ours.py", ""),
    ],
)
def test_the_commits_that_change_the_wheel_decide(at_1: Path, message: str, file: str, version: str) -> None:
    (at_1 / file).parent.mkdir(exist_ok=True)
    change(at_1, message, file)
    found = find_next_library(at_1, TODAY)
    assert (found.version, found.last) == (version, "1.0.0")


def test_a_name_that_is_removed_needs_a_commit_that_says_so(at_1: Path) -> None:
    (at_1 / "src" / "slipway" / "errors.py").write_text(ERRORS.replace("error_for", "find_error"))
    pushed(at_1, "feat: a better name")
    before = refs(at_1)
    sentence = (
        r"callers of slipway-ml 1\.0\.0 need 2\.0\.0, but the commits since then release only 1\.1\.0: slipway\.errors: "
        r"error_for: is no longer public; restore the old names, or add a commit such as `feat!: \.\.\.`; "
        r"nothing was released"
    )
    with pytest.raises(ReleaseError, match=sentence):
        release_library(at_1)
    assert refs(at_1) == before
    change(at_1, "feat!: error_for is find_error now")
    assert release_library(at_1).tag == "slipway-ml-v2.0.0"


def test_a_commit_that_releases_nothing_cannot_hide_a_breaking_change(at_1: Path) -> None:
    (at_1 / "src" / "slipway" / "errors.py").write_text(ERRORS.replace("exit_code = 1", "exit_code = 7"))
    pushed(at_1, "chore: tidy")
    with pytest.raises(ReleaseError, match=r"release nothing: slipway.errors: SlipwayError.exit_code: 1 became 7;"):
        release_library(at_1, dry_run=True)


def test_the_librarys_tags_and_commits_do_not_count_for_the_project(root: Path) -> None:
    change(root, "feat!: the library's next form")
    assert tag_release(root).tag == "v2.0.0"
    assert release_library(root).tag == "slipway-ml-v1.0.0"
    change(root, "feat!: and once more")
    release_library(root)
    git(root, "tag", "slipway-ml-v9.9.9", "-m", "a higher number")
    git(root, "push", "-q", "origin", "slipway-ml-v9.9.9")
    checkout = checkout_at(root)
    assert (checkout.tag, checkout.last_tag) == ("", "v2.0.0")
    assert version_of(root).text.startswith("2.0.1-dev.")
    assert not is_release_tag("slipway-ml-v9.9.9")
    assert find_next_version(root).version == "3.0.0"
    assert tag_release(root).tag == "v3.0.0"
    assert "slipway-ml" not in (root / "CHANGELOG.md").read_text()


def test_a_release_of_the_library_alone_releases_no_project(root: Path) -> None:
    release_library(root)
    done = tag_release(root)
    assert (done.tag, done.new) == ("", False)


def test_the_projects_releases_do_not_count_for_the_library(at_1: Path) -> None:
    change(at_1, "feat!: the project", "slipway.toml")
    assert tag_release(at_1).tag == "v2.0.0"
    assert release_library(at_1).tag == ""
    change(at_1, "fix: the library")
    done = release_library(at_1)
    assert done.tag == "slipway-ml-v1.0.1"
    assert "project" not in done.notes


def test_a_commit_to_the_library_is_a_release_of_both(at_1: Path) -> None:
    """The project runs the code of `src/`, so its next release is another one too."""
    change(at_1, "fix: the library")
    assert release_library(at_1).tag == "slipway-ml-v1.0.1"
    assert tag_release(at_1).tag == "v1.0.1"


def test_the_changelog_has_the_newest_version_first_and_hostile_subjects_as_text(at_1: Path) -> None:
    change(at_1, "fix: a <b>bold</b> [link](x)\n\nmore")
    change(at_1, "feat(api)!: another form")
    change(at_1, "feat: a verb")
    assert release_library(at_1).tag == "slipway-ml-v2.0.0"
    change(at_1, "fix: later")
    release_library(at_1)
    text = (at_1 / "src" / "CHANGELOG.md").read_text()
    headings = [line.partition(" (")[0] for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# Changelog of slipway-ml", "## v2.0.1", "### Fixes",
        "## v2.0.0", "### Breaking changes", "### Features", "### Fixes", "## v1.0.0",
    ]  # fmt: skip
    assert "<b>" not in text
    assert read_notes(text, "2.0.1").startswith("### Fixes\n\n- Later (")
    assert read_notes(text, "1.0.0") == "The first release."
    assert read_notes(text, "2.0") == read_notes("", "1.0.0") == ""
    assert add_to_changelog("", "## v1\n").startswith("# Changelog of slipway-ml\n\n## v1\n")


def test_running_it_again_after_a_success_names_the_same_tag(at_1: Path, tmp_path: Path) -> None:
    assert release_library(at_1).tag == "slipway-ml-v1.0.0"
    other = clone(at_1, tmp_path / "detached")
    git(other, "checkout", "-q", "--detach", "slipway-ml-v1.0.0")
    assert release_library(other).tag == "slipway-ml-v1.0.0"


def test_a_dry_run_changes_nothing_and_works_on_any_branch(root: Path) -> None:
    git(root, "checkout", "-q", "-b", "work")
    before = refs(root)
    done = release_library(root, dry_run=True)
    assert (done.tag, done.sentence) == ("slipway-ml-v1.0.0", "the next version is 1.0.0; nothing was changed")
    assert refs(root) == before
    assert git(root, "tag", "-l", "slipway-ml-*") == ""


def test_only_main_as_it_is_on_the_remote_is_released(at_1: Path, tmp_path: Path) -> None:
    change(at_1, "fix: later")
    other = clone(at_1, tmp_path / "other")
    git(other, "tag", "-a", "-m", "mine", "slipway-ml-v7.0.0", "HEAD~1")
    with pytest.raises(ReleaseError, match=r"the tag slipway-ml-v7.0.0 is not the same here and on origin"):
        release_library(other)
    git(other, "tag", "-d", "slipway-ml-v7.0.0")
    git(other, "tag", "-d", "slipway-ml-v1.0.0")
    with pytest.raises(ReleaseError, match=r"the tag slipway-ml-v1.0.0 is not the same here and on origin"):
        release_library(other)
    git(at_1, "checkout", "-q", "-b", "work")
    with pytest.raises(ReleaseError, match="released from main only, not from branch work"):
        release_library(at_1)
    git(at_1, "checkout", "-q", "main")
    (at_1 / "src" / "pyproject.toml").write_text("changed")
    with pytest.raises(ReleaseError, match=r"uncommitted changes \(src/pyproject.toml\)"):
        release_library(at_1)


def test_main_that_moves_during_the_release_gets_neither_commit_nor_tag(at_1: Path, tmp_path: Path) -> None:
    change(at_1, "fix: later")
    other = clone(at_1, tmp_path / "other")
    moved = commit(other, "fix: at the same time")
    git(other, "push", "-q", "origin", f"{moved}:refs/heads/kept")
    hook(at_1, f'git update-ref refs/heads/main {moved}; case "$1" in refs/tags/*) exit 1;; esac')
    before = {ref: sha for ref, sha in refs(at_1).items() if ref.startswith("slipway-ml")}
    with pytest.raises((BranchMovedError, ReleaseError), match="nothing was pushed"):
        release_library(at_1)
    assert {ref: sha for ref, sha in refs(at_1).items() if ref.startswith("slipway-ml")} == before
    assert version_in(at_1) == "1.0.0"


def test_a_project_without_the_librarys_source_has_nothing_to_release(tmp_path: Path) -> None:
    assert release_library(released(tmp_path), dry_run=True).tag == ""
