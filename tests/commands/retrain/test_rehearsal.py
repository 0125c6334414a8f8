"""A rehearsal trains and judges before anything is committed, counts only for what it saw, and is found again at the tag."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_github.fake import GitHub

from slipway.commands.retrain.rehearsal import compare_to_rehearsal
from slipway.pipeline import run as pipeline
from slipway.settings.settings import load_settings
from tests.support.fork_server import slipway_here
from tests.support.git_repositories import clone, commit, git, pushed, refs
from tests.support.retrain import MARCH, SUBJECT, refused, retrain, settings


def rehearsed(root: Path, tmp_path: Path) -> tuple[str, str]:
    """Rehearse as the workflow's first job does; returns its record and its summary."""
    output, summary = tmp_path / "output", tmp_path / "summary"
    done = retrain(root, "--through", MARCH, "--rehearse", GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stderr
    git(root, "checkout", "slipway.toml")
    told = dict(line.split("=", 1) for line in output.read_text().splitlines())
    assert (told["state"], told["through"]) == ("moved", MARCH)
    return told["rehearsed"], summary.read_text()


def test_a_rehearsal_counts_until_something_moves_and_is_found_at_the_tag(root: Path, tmp_path: Path) -> None:
    record, summary = rehearsed(root, tmp_path)
    assert f"## `{SUBJECT}`" in summary and "| ✅ | `floor.roc_auc`" in summary and "shift" in summary
    model = json.loads(record)["model"]
    pushed(root, "docs: a page")  # moves nothing that training sees
    (root / "ingest.py").write_text((root / "ingest.py").read_text() + "# another\n")
    pushed(root, "fix: ingest")
    sentence = refused(root, "--through", MARCH, "--push", SLIPWAY_REHEARSED=record, code=43)
    assert "slipway: ingest.py changed since the rehearsal" in sentence
    other = ["--through", "2024-03-09", "--push"]
    assert "slipway.toml changed" in refused(root, *other, SLIPWAY_REHEARSED=record, code=43)
    assert "is not the result of a rehearsal" in refused(root, *other, SLIPWAY_REHEARSED="{}; touch canary", code=3)
    git(root, "revert", "--no-edit", "HEAD")
    git(root, "push", "-q", "origin", "HEAD")
    done = retrain(root, "--through", MARCH, "--push", "--reason", "March", SLIPWAY_REHEARSED=record)
    assert done.returncode == 0, done.stderr
    assert git(root, "log", "-1", "--format=%(trailers:key=Rehearsed-Model,valueonly)").strip() == model
    assert refs(root)["main"] == git(root, "rev-parse", "HEAD")
    assert slipway_here(root, "release").returncode == 0
    assert model not in (root / "CHANGELOG.md").read_text()
    same = pipeline.run(load_settings(root / "slipway.toml"))
    assert compare_to_rehearsal(root, same) == f"the model is identical to that of the trial run: sha256 {model}"
    another = pipeline.run(load_settings(root / "slipway.toml", ["train.max_iter=5"]))
    assert compare_to_rehearsal(root, another).startswith("the model differs from that of the trial run")
    commit(root, "docs: after it")
    git(root, "tag", "v1.0.2")
    assert compare_to_rehearsal(root, same) == ""


def test_of_two_at_once_the_later_one_is_told_to_begin_again(root: Path, tmp_path: Path) -> None:
    first, second = root, clone(root, tmp_path / "second")
    record, _ = rehearsed(root, tmp_path)
    assert retrain(first, "--through", "2024-03-08", "--push").returncode == 0
    sentence = refused(second, "--through", MARCH, "--push", SLIPWAY_REHEARSED=record, code=43)
    assert "main moved on origin" in sentence
    git(second, "pull", "-q", "--rebase")
    sentence = refused(second, "--through", MARCH, "--push", SLIPWAY_REHEARSED=record, code=43)
    assert "slipway.toml changed since the rehearsal" in sentence
    git(second, "pull", "-q", "--rebase")
    assert "is earlier" in refused(second, "--through", "2024-03-07", "--push", code=45)
    same = retrain(second, "--through", "2024-03-08", "--push", "--json")
    assert json.loads(same.stdout)["state"] == "unreleased"


def test_a_refused_rehearsal_moves_nothing(root: Path) -> None:
    (root / "slipway.toml").write_text(settings(root).replace("roc_auc = 0.6", "roc_auc = 0.97"))
    pushed(root, "test: a bar that nothing reaches")
    for goal in ("--commit", "--push", "--propose"):
        sentence = refused(root, "--through", MARCH, "--rehearse", goal, code=9)
        assert f"gate refused the retrain through {MARCH}" in sentence
        assert "nothing was committed, and the data pin is unchanged" in sentence


def test_a_retrain_may_be_proposed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with GitHub(root.parent / "remote.git") as github:
        github.repository.actions_may_open_pulls = True
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", github.full_name)
        monkeypatch.setenv("GH_TOKEN", github.token(contents="write", pull_requests="write"))
        before = git(root, "rev-parse", "HEAD")
        addresses = {propose(root) for _ in range(2)}
        (pull,) = github.repository.issues
        assert len(addresses) == 1
        assert (pull.title, pull.head, pull.base) == (SUBJECT, f"retrain/parcels-{MARCH}", "main")
        assert "Reason: March came" in pull.body
        assert (git(root, "rev-parse", "HEAD"), git(root, "status", "--porcelain")) == (before, "")
        assert "with another data pin" in refused(
            root, "--through", MARCH, "--propose", "--set", "train.seed=1", code=45
        )
        assert github.unknown == []
    merged = clone(root, root.parent / "merged")
    git(merged, "merge", "-q", f"origin/retrain/parcels-{MARCH}")
    assert f"through = {MARCH}" in settings(merged)


def propose(root: Path) -> str:
    done = retrain(root, "--through", MARCH, "--propose", "--reason", "March came", "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["proposal"])
