"""Commit messages and titles are read by the parser that decides the version, so what passes is what releases."""

from __future__ import annotations

import json
import re
import time
import tomllib
from pathlib import Path

import pytest
from semantic_release.cli.config import RawConfig

from slipway.errors import CommitsError, ReleaseError, SettingsError
from slipway.pipeline.project_files import TEMPLATE
from slipway.versioning.commit_lint import Commit, Linter, commits_in, largest_bump
from slipway.versioning.commit_types import commit_types, is_release_branch
from tests.support.fork_server import Ended, slipway_here
from tests.support.git_repositories import ROOT, commit, git, template

CHANGELOG = TEMPLATE / "CHANGELOG.md.jinja"


@pytest.fixture(scope="module")
def linter() -> Linter:
    return Linter(ROOT)


@pytest.mark.parametrize(
    ("message", "level"),
    [
        ("feat: a thing", "minor"),
        ("feat(api): a thing (#12)", "minor"),
        ("fix: a thing", "patch"),
        ("perf: a thing", "patch"),
        ("docs: a thing", "none"),
        ("chore(release): v1.2.3", "none"),
        ("refactor!: a thing", "major"),
        ("fix(a, b)!: a thing", "major"),
        ("ci: a thing\n\nBREAKING CHANGE: all of it", "major"),
        ("ci: a thing\n\nBREAKING-CHANGE: all of it", "major"),
        ("docs: squashed (#12)\n\n* wip\n\n* feat: the real thing", "minor"),
        ("Squashed commit of the following:\n\ncommit 63ec09b9\nAuthor: a <a@b.c>\n\n    fix: a thing", "patch"),
        ("revert: feat: a thing", "patch"),
        ('Revert "feat: a thing"\n\nThis reverts commit 1a2b3c4.', "patch"),
        ('Revert "feat!: a thing" (#13)', "patch"),
        ('Revert "Revert "feat: a thing""', "patch"),
        ('Reapply "wip"', "patch"),
        ("Initial commit", "none"),
        ("fix: closes the door\r\n\r\nwith a bang", "patch"),
    ],
)
def test_a_well_formed_message_has_the_level_of_the_table(linter: Linter, message: str, level: str) -> None:
    reading = linter.read(Commit(message))
    assert (reading.problem, reading.level) == ("", level)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("feta: a thing", "`feta` is not a commit type, so it would release nothing; did you mean `feat`?"),
        ("Feat: a thing", "did you mean `feat`?"),
        ("bugfix: a thing", "did you mean `fix`?"),
        ("zzz: a thing", "`zzz` is not a commit type, so it would release nothing; the types are feat, fix, "),
        ("a thing", "it must begin with a type and a colon"),
        (
            "feat a thing",
            "after `feat`, expected an optional (scope), an optional `!`, a colon, a space and the subject",
        ),
        ("feat:a thing", "after `feat`, expected"),
        ("feat!(api): a thing", "after `feat`, expected"),
        ("feat: ", "`feat:` has no subject"),
        ("", "the message is empty"),
        ("\n \n", "the message is empty"),
        ("fixup! feat: a thing", "run `git rebase --autosquash`"),
        ("Merge branch 'side'", "only a real merge commit can be named so"),
        ("Initial commit of everything", "it must begin with a type and a colon"),
        ("initial commit", "it must begin with a type and a colon"),
        ('Reverts "feat: a thing"', "it must begin with a type and a colon"),
        ("Squashed commit of the following:\n\ncommit 63ec\n\n    fix: a\n\ncommit 73ec\n\n    wip", "it must begin"),
    ],
)
def test_what_would_silently_release_nothing_is_refused_with_a_remedy(
    linter: Linter, message: str, problem: str
) -> None:
    assert problem in linter.read(Commit(message)).problem


def test_a_real_merge_commit_needs_no_type(tmp_path: Path, linter: Linter) -> None:
    root = template(tmp_path)
    git(root, "checkout", "-q", "-b", "side")
    commit(root, "feat: on the side", file="side.txt")
    git(root, "checkout", "-q", "main")
    commit(root, "docs: on main")
    git(root, "merge", "-q", "--no-ff", "side")
    git(root, "revert", "--no-edit", "HEAD~1")
    readings = [linter.read(found) for found in commits_in(root, "HEAD")]
    assert [reading.problem for reading in readings] == [""] * 5
    assert [reading.commit.subject.split()[0] for reading in readings].count("Merge") == 1
    assert largest_bump(readings) == "minor"


def test_a_range_that_git_does_not_know_and_one_that_looks_like_an_option_are_refused(tmp_path: Path) -> None:
    root = template(tmp_path)
    for revisions in ("v9.9.9..HEAD", "--output=canary", "-n1"):
        with pytest.raises(ReleaseError, match="`git log` failed"):
            commits_in(root, revisions)


def test_the_command_names_every_commit_at_fault_and_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    root = template(tmp_path)
    first = commit(root, "feta: one")
    second = commit(root, "two")
    commit(root, "feat: three")
    done = slipway_here(root, "commits")
    assert done.returncode == CommitsError.exit_code
    assert "2 of 4 messages would release nothing as written" in done.stderr
    assert f'{first[:7]} "feta: one": `feta` is not a commit type' in done.stderr
    assert f'{second[:7]} "two": it must begin' in done.stderr
    fine = slipway_here(root, "commits", "HEAD~1..HEAD")
    assert (fine.returncode, fine.stdout) == (
        0,
        "no problems found in 1 message; version bump: minor\n",
    )


def test_a_title_comes_by_option_by_environment_or_by_standard_input() -> None:
    for done in (
        slipway_here(ROOT, "commits", "--json", "--title", "feat: x"),
        slipway_here(ROOT, "commits", "--json", SLIPWAY_TITLE="feat: x"),
        slipway_here(ROOT, "commits", "--json", "--title", "-", stdin="feat: x"),
    ):
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["level"], [row["subject"] for row in told["commits"]]) == ("minor", ["feat: x"])
    for empty in (slipway_here(ROOT, "commits", "--title", ""), slipway_here(ROOT, "commits", "--title", "-")):
        assert (empty.returncode, "the message is empty" in empty.stderr) == (CommitsError.exit_code, True)


def test_a_pull_request_is_read_from_its_base_together_with_its_title(tmp_path: Path) -> None:
    root = template(tmp_path)
    base = commit(root, "wip on main")
    commit(root, "feat: mine")

    def read(base: str, title: str) -> Ended:
        return slipway_here(root, "commits", SLIPWAY_BASE=base, SLIPWAY_TITLE=title)

    assert read(base, "fix: mine").stdout.startswith("no problems found in 2 messages")
    assert read(base, "").stdout.startswith("no problems found in 1 message")
    assert '1 of 2 messages would release nothing as written\n  "mine": it must' in read(base, "mine").stderr
    for unknown in ("0" * 40, "--all"):
        assert '"wip on main": it must begin' in read(unknown, "fix: mine").stderr


@pytest.mark.parametrize(
    "text",
    [
        "feat: " + "a" * 5_000_000,
        "feat: a" + "\t" * 1_000_000 + "b",
        "feat" + "(" * 1_000_000,
        "feat(" + ")" * 1_000_000,
        "\n\n".join(["* feat: a b"] * 50_000),
        "feat: x\n\n" + "a-b: " * 200_000,
        "feat: x\n\n" + "a: b\n" * 200_000,
        "feat: " + "`a" * 500_000,
        "`" * 1_000_000,
    ],
    ids=range(9),
)
def test_a_very_long_message_is_read_in_a_moment(linter: Linter, text: str) -> None:
    start = time.process_time()
    reading = linter.read(Commit(text))
    assert time.process_time() - start < 5
    assert len(reading.name) + len(reading.problem) < 500


def test_contributing_lists_the_types_and_what_they_release() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (\w+) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert dict(rows) == {name: "nothing" if level == "none" else level for name, level in commit_types(ROOT).items()}


def test_a_type_that_promises_a_release_but_is_not_allowed_is_an_error(tmp_path: Path) -> None:
    options = 'allowed_tags = ["fix"]\nminor_tags = ["feat"]'
    (tmp_path / "pyproject.toml").write_text(f"[tool.semantic_release.commit_parser_options]\n{options}\n")
    with pytest.raises(SettingsError, match="'feat' is in commit_parser_options but not in allowed_tags"):
        commit_types(tmp_path)


def test_a_project_without_a_table_says_so(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(SettingsError, match=r"has no \[tool.semantic_release\]"):
        commit_types(tmp_path)


@pytest.mark.parametrize("branch", ["main", "master", "1.x", "0.3.x", "10.20.x"])
def test_main_and_maintenance_branches_release(branch: str) -> None:
    assert is_release_branch(ROOT, branch)


@pytest.mark.parametrize("branch", ["main2", "mainline", "a-main", "feature", "x", "1.2.3.x", "1.x.x", "v1.x", "01.x"])
def test_other_branches_do_not_release(branch: str) -> None:
    assert not is_release_branch(ROOT, branch)


def test_python_semantic_release_knows_every_setting_that_we_make(tmp_path: Path) -> None:
    section = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["semantic_release"]
    assert section.keys() <= RawConfig.model_fields.keys()
    assert section["changelog"].keys() <= RawConfig.model_fields["changelog"].annotation.model_fields.keys()  # type: ignore[union-attr]
    git(tmp_path, "init")
    assert (
        RawConfig.model_validate({**section, "repo_dir": str(tmp_path)}).changelog.insertion_flag
        in CHANGELOG.read_text()
    )


def test_the_changelog_holds_the_mark_without_which_nothing_is_written() -> None:
    assert (ROOT / "CHANGELOG.md").read_text().startswith(CHANGELOG.read_text().rstrip())
