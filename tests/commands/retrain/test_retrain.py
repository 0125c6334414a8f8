"""The whole command on real git repositories and the real pipeline: what moves, what stays, and what is refused."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest

from slipway.commands.retrain.commit import message
from slipway.commands.retrain.pin import RetrainRequest
from slipway.errors import BusyError
from slipway.storage.locks import exclusive_lock
from slipway.versioning.commit_lint import Commit, Linter
from tests.support.fork_server import slipway_here
from tests.support.git_repositories import clone, commit, git, hook, pushed, refs, tagged
from tests.support.retrain import MARCH, SUBJECT, THROUGH, refused, retrain, settings, truth


def test_a_retrain_shows_what_changes_and_moves_one_line(root: Path) -> None:
    done = retrain(root, "--through", MARCH, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["subject"], told["through"], told["commit"]) == ("moved", SUBJECT, MARCH, "")
    changes = told["changes"]
    rows = pd.read_csv(root / "parcels.csv", parse_dates=["time"])
    assert changes["before"]["rows"] == (rows.time <= THROUGH).sum()
    assert changes["after"]["rows"] == (rows.time <= MARCH).sum() == changes["came"] + changes["before"]["rows"]
    assert [changes["before"]["last"][:10], changes["after"]["last"][:10]] == [THROUGH, MARCH]
    assert {shift[0] for shift in changes["shifts"]} == {"weight", "distance", "depot", "label_colour", "arrival"}
    assert git(root, "diff", "--numstat") == "1\t1\tslipway.toml"
    assert f"through = {MARCH} # the last day" in settings(root)


def test_a_commit_says_why_and_releases_a_patch(root: Path) -> None:
    assert retrain(root, "--through", MARCH).returncode == 0
    # What an interrupted or uncommitted retrain left is what the same one makes again.
    done = retrain(root, "--through", MARCH, "--commit", "--reason", "March came", "--set", "train.max_iter=35")
    assert done.returncode == 45
    done = retrain(root, "--through", MARCH, "--commit", "--reason", "March came")
    assert done.returncode == 0, done.stderr
    assert git(root, "log", "-1", "--format=%B") == f"{SUBJECT}\n\nReason: March came"
    assert (git(root, "status", "--porcelain"), git(root, "show", "--format=", "--name-only")) == ("", "slipway.toml")
    assert slipway_here(root, "release", "--no-push").returncode == 0
    assert git(root, "describe", "--tags") == "v1.0.1"
    again = retrain(root, "--through", MARCH, "--commit")
    assert (again.returncode, again.stdout.partition(";")[0]) == (0, f"the data pin is already through {MARCH}")


def test_a_pin_that_no_release_has_yet_is_told_from_one_that_has(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    for state, setup in (("unchanged", THROUGH), ("unreleased", MARCH)):
        if state == "unreleased":
            assert retrain(root, "--through", MARCH, "--commit").returncode == 0
        before = truth(root)
        done = retrain(root, "--through", setup, "--commit", GITHUB_OUTPUT=str(output))
        assert (done.returncode, truth(root)) == (0, before)
        assert f"state={state}\n" in output.read_text()


def test_parameters_move_with_the_pin_and_the_gate_never_does(root: Path) -> None:
    sentence = refused(
        root, "--through", MARCH, "--commit", SLIPWAY_SET="train.max_iter=40 gate.minimum.roc_auc=0", code=3
    )
    assert "cannot touch the gate" in sentence
    assert retrain(root, "--through", MARCH, "--commit", SLIPWAY_SET="train.max_iter=40 train.seed=2").returncode == 0
    changed = [line for line in git(root, "show", "--format=", "-U0").splitlines() if line[0] == "+"][1:]
    assert changed == [f"+through = {MARCH} # the last day", "+seed = 2", "+max_iter = 40"]
    assert git(root, "log", "-1", "--format=%b") == "Parameters: train.max_iter=40 train.seed=2"


def test_dates_that_cannot_be_are_refused(root: Path) -> None:
    tomorrow = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)
    assert "is in the future" in refused(root, "--through", str(tomorrow), code=45)
    for text in ("20240310", "2024-02-30", "March", "$(touch canary)", "2024-W10-1"):
        assert "expects YYYY-MM-DD" in refused(root, "--through", text, code=3)
    assert "set data.through to 2024-03-30 or earlier" in refused(root, "--through", "2024-06-30", "--commit", code=4)
    assert "set data.through to 2024-03-30 or earlier" in refused(root, "--through", "yesterday", "--commit", code=4)
    assert "needs new data" in refused(root, code=3)


def test_going_back_takes_a_reason(root: Path) -> None:
    sentence = refused(root, "--through", "2024-02-10", "--commit", code=45)
    assert f"is through {THROUGH} already, and 2024-02-10 is earlier" in sentence
    assert retrain(root, "--through", "2024-02-10", "--commit", "--reason", "a broken week").returncode == 0


def test_a_checkout_that_is_not_ready_is_refused(root: Path) -> None:
    git(root, "checkout", "-q", "-b", "topic")
    assert "the branch topic makes no releases" in refused(root, "--through", MARCH, code=45)
    git(root, "checkout", "-q", "--detach")
    assert "detached HEAD" in refused(root, "--through", MARCH, code=45)
    git(root, "checkout", "-q", "main")
    (root / "slipway.toml").write_text(settings(root) + "\n# mine\n")
    assert "uncommitted changes" in refused(root, "--through", MARCH, "--commit", code=45)
    git(root, "checkout", "slipway.toml")
    (root / ".slipway").mkdir(exist_ok=True)
    with exclusive_lock(root / ".slipway" / "retrain.lock", "slipway retrain", busy_error=BusyError):
        assert "is running in" in refused(root, "--through", MARCH, "--commit", code=13)


def test_new_data_comes_by_its_digest_and_with_its_file(root: Path) -> None:
    rows = pd.read_csv(root / "parcels.csv")
    rows[rows.time < "2024-03-05"].to_csv(root / "spring.csv", index=False)
    done = retrain(root, "--source", "parcels=spring.csv", "--through", "2024-03-04", "--commit")
    assert done.returncode == 0, done.stderr
    assert git(root, "show", "--format=", "--name-only").split() == ["slipway.toml", "spring.csv"]
    assert git(root, "status", "--porcelain") == ""
    assert 'uri = "spring.csv"' in settings(root)
    rows.drop(columns="label_colour").to_csv(root / "spring.csv", index=False)
    assert "the data has no column" in refused(root, "--source", "spring.csv", code=4)
    (root / "spring.csv").unlink()
    assert "cannot be read" in refused(root, "--source", "spring.csv", code=4)
    assert "does not name any of the sources" in refused(root, "--source", "rows=spring.csv", code=3)


def test_earlier_data_that_is_gone_stops_no_retrain(root: Path) -> None:
    (root / "parcels.csv").rename(root / "all.csv")
    done = retrain(root, "--source", "all.csv", "--reason", "moved", "--commit")
    assert done.returncode == 0, done.stderr
    assert "the earlier data cannot be read" in done.stderr
    assert git(root, "log", "-1", "--format=%s").startswith("fix(data): retrain on parcels data ")


def test_the_pin_of_an_earlier_release_comes_back(root: Path) -> None:
    assert retrain(root, "--through", MARCH, "--commit").returncode == 0
    (root / "slipway.toml").write_text(settings(root).replace("max_iter = 30", "max_iter = 31"))
    commit(root, "fix: a mended parameter", file="other.txt")
    done = retrain(root, "--restore", "1.0.0", "--reason", "a broken week", "--commit")
    assert done.returncode == 0, done.stderr
    assert git(root, "log", "-1", "--format=%s") == "fix(data): train parcels on the data of 1.0.0 again"
    assert f"through = {THROUGH} # the last day" in settings(root)
    assert "max_iter = 31" in settings(root)
    assert "no release v9.9.9" in refused(root, "--restore", "9.9.9", code=16)
    assert "expects a release" in refused(root, "--restore", "$(touch canary)", code=3)
    assert "restores an earlier data pin unchanged" in refused(root, "--restore", "1.0.0", "--through", MARCH, code=3)


@pytest.mark.parametrize("reason", ["BREAKING CHANGE: y", "x\n\nBREAKING CHANGE: y"])
def test_no_reason_makes_another_version(root: Path, reason: str) -> None:
    linter = Linter(root)
    assert linter.read(Commit(f"{SUBJECT}\n\n{reason}")).level != "patch"  # as it would be, taken as it is
    assert linter.read(Commit(message(SUBJECT, RetrainRequest(reason=reason), "a" * 64, linter))).level == "patch"


def test_the_contract_decides_the_prefix_and_a_breaking_one_stops(root: Path) -> None:
    def features(old: str, new: str) -> None:
        (root / "slipway.toml").write_text(settings(root).replace(old, new))
        assert slipway_here(root, "contract", "write").returncode == 0
        commit(root, "docs: nobody is to know", file="other.txt")

    features('weight = "double"', 'weight = { type = "double", nullable = true }')
    done = retrain(root, "--through", MARCH, "--json")
    assert json.loads(done.stdout)["subject"] == f"feat(data): retrain on parcels through {MARCH}"
    git(root, "checkout", "slipway.toml")
    features('label_colour = { type = "double", nullable = true }\n', "")
    sentence = refused(root, "--through", MARCH, "--commit", code=41)
    assert "breaks callers of 1.0.0" in sentence and "input 'label_colour' was removed" in sentence
    commit(root, "feat!: no colours", file="other.txt")
    assert retrain(root, "--through", MARCH, "--commit").returncode == 0
    assert git(root, "log", "-1", "--format=%s") == SUBJECT


def test_a_push_is_whole_or_nothing(root: Path, tmp_path: Path) -> None:
    hook(root, 'echo "main is protected" >&2; exit 1')
    assert "rejected the data pin" in refused(root, "--through", MARCH, "--push", code=45)
    hook(root, "exit 0")
    other = clone(root, tmp_path / "other")
    pushed(other, "docs: meanwhile")
    assert "main moved on origin" in refused(root, "--through", MARCH, "--push", code=43)
    git(root, "pull", "-q", "--rebase", "origin", "main")
    assert retrain(root, "--through", MARCH, "--push").returncode == 0
    assert refs(root)["main"] == git(root, "rev-parse", "HEAD")
    assert git(root, "log", "-1", "--format=%s") == SUBJECT


def test_a_retrain_starts_from_an_earlier_release_on_a_branch_of_its_own(root: Path) -> None:
    """Main holds work that the gate refused, and the champion is to learn from new data meanwhile."""
    tagged(root, "v1.1.0", "feat: refused by the gate")
    git(root, "checkout", "-q", "-b", "1.0.x", "v1.0.0")
    git(root, "push", "-q", "-u", "origin", "1.0.x")
    assert retrain(root, "--through", MARCH, "--push").returncode == 0
    assert slipway_here(root, "release").returncode == 0
    assert git(root, "describe", "--tags") == "v1.0.1"
    assert "through = 2024-03-10" in git(root, "show", "v1.0.1:slipway.toml")


GIT = """#!/bin/sh
real={real}
case " $* " in *" {verb} "*) if [ {when} = after ]; then "$real" "$@"; fi; kill -9 "$SLIPWAY"; exit 1 ;; esac
exec "$real" "$@"
"""
"""A git that has the command killed when it comes to a verb, before or after doing it."""


@pytest.mark.parametrize("verb", ["commit-tree", "push", "merge"])
def test_killed_at_any_moment_it_is_done_by_doing_it_again(root: Path, tmp_path: Path, verb: str) -> None:
    old, before = git(root, "rev-parse", "HEAD"), settings(root)
    after = before.replace(THROUGH, MARCH)
    for when in ("before", "after"):
        shim = tmp_path / f"{verb}-{when}" / "git"
        shim.parent.mkdir()
        shim.write_text(GIT.format(real=shutil.which("git"), verb=verb, when=when))
        shim.chmod(0o755)
        assert killed(root, f"{shim.parent}:{os.environ['PATH']}")
        assert settings(root) in (before, after)
        assert (refs(root)["main"] == old) == (
            verb in ("read-tree", "commit-tree") or (verb, when) == ("push", "before")
        )
        if refs(root)["main"] != old and git(root, "rev-parse", "HEAD") == old:
            git(root, "reset", "-q", "--hard")  # it is pushed: the person updates the checkout
            git(root, "pull", "-q", "--rebase")
        assert retrain(root, "--through", MARCH, "--push").returncode == 0
        assert settings(root) == after and git(root, "status", "--porcelain") == ""
        assert refs(root)["main"] == git(root, "rev-parse", "HEAD")
        assert git(root, "rev-list", "--count", f"{old}..HEAD") == "1"
        git(root, "reset", "-q", "--hard", old)
        git(root, "push", "-q", "--force", "origin", "HEAD")


def killed(root: Path, path: str) -> bool:
    """Push a retrain in a forked process; whether it was killed."""
    child = os.fork()
    if child == 0:
        done = retrain(root, "--through", MARCH, "--push", PATH=path, SLIPWAY=str(os.getpid()))
        os._exit(done.returncode)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
