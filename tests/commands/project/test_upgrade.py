"""`slipway upgrade`: a newer version in one commit that keeps the user's edits, or a clear end that changes nothing.

The new version performs it, from its own wheel. Only the resolver and the project's tests are stand-ins here;
``test_upgrade_complete.py`` has the real ones.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_github.fake import GitHub

from slipway.storage.digests import file_digest
from slipway.storage.locks import exclusive_lock
from slipway.versioning.commit_lint import Commit, Linter
from tests.support.git_repositories import git
from tests.support.later_versions import STEP, WORKFLOW, edit, upgrade

pytestmark = pytest.mark.slow

MINE = f"{STEP} # of 1.1.0, but mine"


def state(project: Path) -> tuple[str, str, str]:
    """Everything that an upgrade must not change before its end."""
    refs = git(project, "for-each-ref", "--format=%(refname) %(objectname)")
    return git(project, "rev-parse", "HEAD"), git(project, "status", "--porcelain"), refs


def leftovers(project: Path) -> list[str]:
    """What an upgrade must not leave."""
    extra = git(project, "worktree", "list").splitlines()[1:] + git(project, "for-each-ref", "refs/slipway").split()
    folders = map(str, (project / ".slipway/upgrade").glob("*"))
    return [*extra, *git(project, "branch", "--list", "slipway-upgrade-*").split(), *folders]


def content(folder: Path) -> dict[str, tuple[str, int]]:
    return {str(p): (file_digest(p), p.stat().st_mtime_ns) for p in sorted(folder.rglob("*")) if p.is_file()}


def test_edits_survive_two_upgrades_in_a_row_and_revert_goes_back(project: Path, wheels: dict[str, Path]) -> None:
    edit(project, WORKFLOW, "description: Train and gate, publish nothing", "description: Only look")
    edit(project, "pipeline/run.py", "    return flow.candidate(", "    print('mine')\n    return flow.candidate(")
    edit(
        project,
        "components/split/run.py",
        "    rows = read_parquet(data)\n",
        "    rows = read_parquet(data)  # mine\n",
    )
    edit(project, "slipway.toml", "max_iter = 60", "max_iter = 61 # mine")
    champion = project / ".slipway" / "target" / "releases" / "1.0.0-0123456789ab"
    champion.mkdir(parents=True)
    (champion / "release.json").write_text("{}")
    served, first = content(project / ".slipway"), git(project, "rev-parse", "HEAD^{tree}")

    for version, wheel in wheels.items():
        done = upgrade(project, wheel)
        assert done.returncode == 0, done.stderr
        assert f"upgraded to slipway-ml {version}" in done.stdout
    assert git(project, "log", "--format=%s", "-2").splitlines() == [
        "build: upgrade to slipway-ml 1.2.0", "build: upgrade to slipway-ml 1.1.0",
    ]  # fmt: skip
    workflow, script = (project / WORKFLOW).read_text(), (project / "pipeline/run.py").read_text()
    assert "description: Only look" in workflow and "# of 1.2.0" in workflow
    assert "print('mine')" in script and "from top to bottom: six" in script
    component = (project / "components/split/run.py").read_text()
    assert "# mine" in component and 'note: str = ""' in component
    settings = (project / "slipway.toml").read_text()
    assert "max_iter = 61 # mine" in settings and "last_days = 60" in settings and "holdout_days" not in settings
    assert set(re.findall(r"slipway-ml\S*==([\d.]+)", (project / "pyproject.toml").read_text())) == {"1.2.0"}
    assert [path.name for path in (project / "vendor").iterdir()] == [wheels["1.2.0"].name]
    assert "slipway-ml==1.2.0 " in (project / "requirements.lock").read_text()
    assert 'slipway_version: "1.2.0"' in (project / ".slipway-template.yml").read_text()
    assert content(project / ".slipway" / "target") == {k: v for k, v in served.items() if "/target/" in k}
    assert (leftovers(project), git(project, "status", "--porcelain")) == ([], "")

    git(project, "revert", "--no-edit", "HEAD", "HEAD~1")
    assert git(project, "rev-parse", "HEAD^{tree}") == first
    assert upgrade(project, wheels["1.2.0"]).returncode == 0, "after going back, the way is open again"


def test_the_commit_says_in_plain_words_what_changed_and_releases_nothing(
    project: Path, wheels: dict[str, Path]
) -> None:
    done = upgrade(project, wheels["1.2.0"], "--json")
    message, result = git(project, "log", "-1", "--format=%B"), json.loads(done.stdout)
    for line in (
        "fix: the second thing",
        "feat!: the first thing",
        "split.holdout_days is now split.last_days",
        WORKFLOW,
    ):
        assert f"  - {line}" in message.replace("slipway.toml: split", "split")
    assert "an old thing" not in message
    assert "BREAKING" not in message
    assert Linter(project).read(Commit(message)).level == "none"
    assert result["commit"] == git(project, "rev-parse", "HEAD")
    assert result["news"] == ["fix: the second thing", "feat!: the first thing"]


def test_a_file_follows_its_rename_and_what_only_one_side_deleted_is_as_the_user_has_it(
    project: Path, wheels: dict[str, Path]
) -> None:
    edit(project, "deploy/realtime/settings.env", "WORKERS=2", "WORKERS=7")
    edit(project, ".editorconfig", "indent_size = 4", "indent_size = 3")
    git(project, "rm", "-q", WORKFLOW)
    git(project, "commit", "-qm", "ci: no deployment")
    done = upgrade(project, wheels["1.2.0"])
    assert done.returncode == 0, done.stderr
    assert "WORKERS=7" in (project / "deploy/realtime/serve.env").read_text()
    assert not (project / "deploy/realtime/settings.env").exists()
    assert not (project / ".dockerignore").exists(), "nobody changed it"
    assert "indent_size = 3" in (project / ".editorconfig").read_text()
    assert ".editorconfig is no longer in the template; yours stays, because you changed it" in done.stdout
    assert not (project / WORKFLOW).exists()
    assert f"{WORKFLOW} changed in the template; it stays deleted, because you deleted it" in done.stdout


def test_a_conflict_waits_in_a_worktree_and_the_same_command_finishes_it(
    project: Path, wheels: dict[str, Path]
) -> None:
    text = (project / WORKFLOW).read_text().replace(STEP, MINE, 1)
    (project / WORKFLOW).write_text(text)
    git(project, "commit", "-aqm", "ci: mine")
    before = state(project)
    for _ in range(2):
        done = upgrade(project, wheels["1.1.0"])
        assert done.returncode == 47
        assert f"conflict in {WORKFLOW}; this checkout is unchanged" in done.stderr
        assert state(project)[:2] == before[:2]
    other = upgrade(project, wheels["1.2.0"])
    assert other.returncode == 46
    assert "an upgrade on the branch slipway-upgrade-1.1.0 is not finished" in other.stderr
    worktree = project / ".slipway/upgrade/worktree"
    assert re.search(
        r"<<<<<<<.*mine\n\|{7}.*\n=======\n.*# of 1.1.0\n>>>>>>>", (worktree / WORKFLOW).read_text(), re.DOTALL
    )

    (worktree / WORKFLOW).write_text(text.replace(MINE, f"{STEP} # both"))
    (finish,) = re.findall(r"2\. finish: +(.*) && slipway upgrade 1\.1\.0", done.stderr)
    subprocess.run(["bash", "-c", finish], check=True)
    git(worktree, "commit", "-qm", "wip: as after a merge")
    done = upgrade(project, wheels["1.1.0"])
    assert done.returncode == 0, done.stderr
    assert "# both" in (project / WORKFLOW).read_text()
    assert "last_days" in (project / "slipway.toml").read_text()
    assert git(project, "rev-list", "--count", f"{before[0]}..HEAD") == "1"
    assert leftovers(project) == []


def test_tests_that_fail_leave_the_checkout_alone_and_the_result_can_be_thrown_away(
    project: Path, wheels: dict[str, Path]
) -> None:
    before = state(project)
    done = upgrade(project, wheels["1.1.0"], FAILING_TEST="1 failed, 4 passed")
    assert done.returncode == 46
    assert "the project's tests fail with the new version: 1 failed, 4 passed" in done.stderr
    assert state(project)[:2] == before[:2]
    (throw_away,) = re.findall(r"throw it away: +(.*)", done.stderr)
    subprocess.run(["bash", "-c", throw_away], cwd=project, check=True, capture_output=True)
    assert (state(project), leftovers(project)) == (before, [])
    assert upgrade(project, wheels["1.1.0"], "--no-tests", FAILING_TEST="1 failed").returncode == 0


def test_uncommitted_work_stays_and_if_it_is_in_the_same_file_the_upgrade_waits_for_it(
    project: Path, wheels: dict[str, Path]
) -> None:
    (project / "README.md").write_text("mine")
    (project / "new.txt").write_text("mine")
    (project / "slipway.toml").write_text((project / "slipway.toml").read_text() + "# mine\n")
    before = state(project)
    done = upgrade(project, wheels["1.1.0"])
    assert done.returncode == 46
    assert "the upgrade is ready, but git cannot take it into this checkout" in done.stderr
    assert state(project)[:2] == before[:2]
    assert "the branch slipway-upgrade-1.1.0 already exists" in upgrade(project, wheels["1.1.0"]).stderr
    git(project, "stash", "-q", "--", "slipway.toml")
    git(project, "merge", "-q", "slipway-upgrade-1.1.0")
    git(project, "stash", "pop")
    git(project, "branch", "-d", "slipway-upgrade-1.1.0")
    assert "last_days" in (project / "slipway.toml").read_text()
    git(project, "commit", "-qm", "chore: mine", "slipway.toml")
    done = upgrade(project, wheels["1.2.0"])
    assert done.returncode == 0, done.stderr
    assert git(project, "status", "--porcelain").splitlines() == ["M README.md", "?? new.txt"]
    assert leftovers(project) == []


def test_the_second_of_two_at_once_is_refused(project: Path, wheels: dict[str, Path]) -> None:
    before = state(project)
    with exclusive_lock(project / ".slipway/upgrade.lock", "slipway upgrade", busy_error=AssertionError):
        done = upgrade(project, wheels["1.1.0"])
    assert done.returncode == 13
    assert re.search(r"process \d+ of slipway upgrade is running in .*; nothing was changed", done.stderr)
    assert state(project) == before


def test_without_a_network_nothing_changes(project: Path, wheels: dict[str, Path]) -> None:
    before = state(project)
    done = upgrade(project, wheels["1.1.0"], NO_NETWORK="1")
    assert done.returncode == 46
    assert "the dependencies cannot be resolved" in done.stderr
    assert done.stderr.rstrip().endswith("the checkout is unchanged")
    assert (state(project), leftovers(project)) == (before, [])


def test_a_project_in_a_folder_of_a_repository_is_upgraded_there(project: Path, wheels: dict[str, Path]) -> None:
    top = project.parent / "team"
    (top / "models").mkdir(parents=True)
    shutil.rmtree(project / ".git")
    project = project.rename(top / "models" / "churn")
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "feat: start")
    done = upgrade(project, wheels["1.2.0"])
    assert done.returncode == 0, done.stderr
    assert "# of 1.2.0" in (project / WORKFLOW).read_text()
    assert not (top / ".github").exists()
    assert (git(top, "status", "--porcelain"), leftovers(project)) == ("", [])


def test_a_pull_request_is_opened_once_and_the_branch_stays(project: Path, wheels: dict[str, Path]) -> None:
    remote = project.parent / "remote.git"
    git(project, "clone", "-q", "--bare", str(project), str(remote))
    git(project, "remote", "add", "origin", str(remote))
    before = state(project)
    with GitHub(remote) as github:
        github.repository.actions_may_open_pulls = True
        token = github.token(contents="write", pull_requests="write")
        known = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": github.full_name, "GH_TOKEN": token}
        told = [json.loads(upgrade(project, wheels["1.1.0"], "--pr", "--json", **known).stdout) for _ in range(2)]
        (pull,) = github.repository.issues
    assert told[0]["proposal"] == told[1]["proposal"]
    assert (pull.title, pull.head) == ("build: upgrade to slipway-ml 1.1.0", "slipway-upgrade-1.1.0")
    assert "split.holdout_days is now split.last_days" in pull.body
    assert (state(project)[:2], leftovers(project)) == (before[:2], [])
    assert git(remote, "log", "-1", "--format=%s", "slipway-upgrade-1.1.0") == pull.title
