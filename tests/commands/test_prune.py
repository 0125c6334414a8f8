"""`slipway prune` removes what is beyond the stated numbers, and never what a rollback within them could need."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from slipway.bundle.release_file import verify
from slipway.commands.history.rows import history_rows
from slipway.commands.prune import prune_target
from slipway.rollout.rollout import resume, roll_back, roll_out
from slipway.target import journal
from slipway.target.readiness import acknowledgements, live_servers, wait_for_workers
from slipway.target.target import Target
from slipway.target.transaction import new_entry
from tests.support.bundles import make_bundle
from tests.support.project_states import World
from tests.support.projects import edit
from tests.support.random_histories import Life
from tests.support.running_server import running


def target_with(folder: Path, *versions: str) -> Target:
    target = Target(folder / "target")
    for version in versions:
        roll_out(target, make_bundle(folder, version), who="ann", reason="new", allow_prerelease=False)
    return target


def here(target: Target) -> list[str]:
    return [folder.rpartition("-")[0] for folder in target.releases()]


def test_the_champion_the_one_before_it_and_as_many_good_ones_as_are_asked_for_stay(tmp_path: Path) -> None:
    target = target_with(tmp_path, *(f"1.{minor}.0" for minor in range(5)))
    roll_back(target, reason="bad", who="ann")  # 1.4.0 is bad, and the one before the champion 1.3.0
    would = list(prune_target(target, 1, dry_run=True))
    assert len(here(target)) == 5
    assert list(prune_target(target, 1, dry_run=False)) == would
    assert [removed.name.rpartition("-")[0] for removed in would] == ["1.0.0", "1.1.0"]
    assert all(removed.bytes > 1_000 for removed in would)
    assert here(target) == ["1.2.0", "1.3.0", "1.4.0"]
    assert list(prune_target(target, 1, dry_run=False)) == []


def test_what_went_is_still_told_with_its_score(tmp_path: Path) -> None:
    target = target_with(tmp_path, "1.0.0", "1.1.0", "1.2.0")
    before = history_rows(target)
    prune_target_whole(target, 1)
    assert here(target) == ["1.1.0", "1.2.0"]
    assert history_rows(target) == before
    assert before[0]["score"] == 0.7


def prune_target_whole(target: Target, number: int) -> None:
    list(prune_target(target, number, dry_run=False))


@pytest.mark.parametrize("number", [1, 2])
def test_after_a_life_of_all_kinds_of_moves_one_can_go_back_as_many_times_as_was_stated(
    life: Life, tmp_path: Path, number: int
) -> None:
    target = Target(shutil.copytree(life.target.path, tmp_path / "target", symlinks=True))
    champion, good = target.champion_folder(), set(target.releases()) - target.rolled_back_releases()
    assert len(good - {champion}) > number
    prune_target_whole(target, number)
    assert target.champion_folder() == champion
    assert len(target.releases()) <= number + 2
    for _ in range(number):
        resume(target, reason="go on", who="ann")
        roll_back(target, reason="again", who="ann")
    assert target.champion_folder() in good - {champion}


def test_what_a_server_still_serves_stays_and_is_told(tmp_path: Path) -> None:
    target = target_with(tmp_path, "1.0.0")
    with running(target=target.path):
        assert wait_for_workers(target.path, verify(target.current).digest, 60) == []
        (known,) = live_servers(target.path)
        stopped = acknowledgements(target.path, known)[0].pid
        os.kill(stopped, signal.SIGSTOP)
        try:
            for version in ("1.1.0", "1.2.0"):
                bundle = verify(make_bundle(target.path / "releases", version))
                journal.append(target.journal, new_entry(target, bundle, "rollout", "ann", "new", "proved"))
                target.flip(bundle.path.name)
            removed = list(prune_target(target, 1, dry_run=False))
        finally:
            os.kill(stopped, signal.SIGCONT)
    assert [(r.name.rpartition("-")[0], r.kept) for r in removed] == [("1.0.0", "a server is still using it")]
    assert here(target) == ["1.0.0", "1.1.0", "1.2.0"]
    prune_target_whole(target, 1)
    assert here(target) == ["1.1.0", "1.2.0"]


def test_old_runs_and_sealed_bundles_go_and_every_step_that_the_newest_run_uses_stays(world: World) -> None:
    world.begin("rollback")
    edit(world.project / "slipway.toml", "[train]", "[retention]\nruns = 1\nreleases = 1\n[train]")
    registered = world.registrations()
    would = world.told("prune", "--dry-run")
    assert {removed["kind"] for removed in would["removed"]} == {"run"}, (
        "two releases are the champion and the one before"
    )
    files = len(list((world.project / "mlartifacts").rglob("*")))
    done = world.told("prune")
    assert done["removed"] == would["removed"]
    assert done["bytes"] > 0
    assert len(list((world.project / "mlartifacts").rglob("*"))) < files
    assert world.registrations() == registered
    again = world.told("run")
    assert [step["cached"] for step in again["steps"]] == [True] * 6
    assert world.told("prune", "--dry-run")["removed"] != []  # that very run pushed an older one out


def test_sealed_bundles_go_with_their_releases(world: World) -> None:
    world.begin("rollback")
    world.stop_server()
    edit(world.project / "slipway.toml", "[train]", "[retention]\nreleases = 1\n[train]")
    for version in ("2.0.0", "2.1.0"):
        bundle = make_bundle(world.project.parent / f"made-{version}", version)
        roll_out(world.target, bundle, who="ann", reason="new", allow_prerelease=False)
    removed = [(r["kind"], r["name"][:5]) for r in world.told("prune")["removed"] if r["kind"] != "run"]
    assert removed == [("release", "1.0.0"), ("release", "1.1.0"), ("bundle", "1.1.0"), ("bundle", "1.0.0")]
    assert world.told("history", "--at", world.told("history")[0]["at"])["release"] is None
    assert [row["metric"] for row in world.told("history")[:2]] == ["rmse", "rmse"]
    shutil.rmtree(world.target.path / "records")
