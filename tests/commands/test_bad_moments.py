"""A full or read-only disk, a second command, an absent registry, damage: each is one sentence, and nothing moves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from slipway.storage.locks import lock_holder
from slipway.target.readiness import acknowledgements, live_servers
from tests.support.eventually import eventually
from tests.support.fork_server import Ended, slipway
from tests.support.project_states import UNREACHABLE, World
from tests.support.projects import edit

SLIPWAY = Path(sys.executable).with_name("slipway")
RETRIES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
BACK = ["rollback", "--reason", "bad"]


@contextmanager
def small_disk(folder: Path, room: int) -> Iterator[None]:
    """A real disk of its own under a folder, with what was in it and room for so many more pages of 4 KiB."""
    kept = folder.with_name(f"{folder.name}.kept")
    folder.mkdir(parents=True, exist_ok=True)
    copytree(folder, kept, symlinks=True)
    pages = room + sum(-(-path.stat().st_size // 4096) for path in folder.rglob("*") if path.is_file())
    mount = ["mount", "-t", "tmpfs", "-o", f"size={4 * pages}k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        rmtree(kept)
        pytest.skip("no disk can be mounted here; CI runs as root, and there it can")
    try:
        copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        rmtree(kept)


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("wb") as file:
        while True:
            try:
                os.write(file.fileno(), bytes(4096))
            except OSError:
                return filler


def refused(world: World, code: int, *arguments: str, **environment: str) -> str:
    """Run a command that must say no with this code, in one sentence; returns it."""
    ended = slipway(world.project, *arguments, **environment)
    assert_refused(ended, code)
    return ended.stderr


def assert_refused(ended: Ended, code: int) -> None:
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("slipway: ")
    assert "Traceback" not in ended.stderr


@contextmanager
def nothing_moves(world: World) -> Iterator[None]:
    """The champion, the journal, the releases and the registry stay as they are, and nothing half-made is left."""
    before = moved(world)
    yield
    assert moved(world) == before
    assert world.leftovers() == []


def moved(world: World) -> object:
    target = world.target
    lines = target.journal.read_bytes() if target.journal.exists() else b""
    return os.path.realpath(target.current), lines, target.releases(), world.registrations()


def test_a_disk_that_fills_while_the_bundle_is_sealed(world: World) -> None:
    world.begin("second")
    bundles = world.project / ".slipway" / "bundles"
    with small_disk(bundles, 4), nothing_moves(world):
        assert "1.1.0 could not be sealed" in refused(world, 14, "ship")
        assert len(list(bundles.iterdir())) == 1
    world.succeed("ship")


def test_a_disk_that_fills_while_the_bundle_is_copied_to_the_target(world: World) -> None:
    world.begin("second")
    with small_disk(world.target.path, 6), nothing_moves(world):
        assert "No space left on device" in refused(world, 14, "ship")
    world.succeed("ship")


def test_a_disk_that_fills_while_the_journal_is_written(world: World) -> None:
    world.begin("rollback")
    with small_disk(world.target.path, 30):
        filler = fill(world.target.path)
        with nothing_moves(world):
            assert "journal.jsonl cannot be written" in refused(world, 14, "rollback", "--reason", "bad " * 2000)
        filler.unlink()
        world.succeed(*BACK)


def test_a_read_only_target_is_read_and_not_changed(world: World) -> None:
    world.begin("rollback")
    with small_disk(world.target.path, 30):
        subprocess.run(["mount", "-o", "remount,ro", str(world.target.path)], check=True)
        with nothing_moves(world):
            for command in (["ship"], BACK, ["resume", "--reason", "go"], ["doctor"]):
                assert "Read-only file system" in refused(world, 14, *command)
            assert world.told("status")["targets"][0]["batch"]["release"] == "1.1.0"
            assert world.told("predict")["release"] == "1.1.0"


def test_a_ship_with_the_registry_away_is_done_and_the_next_ship_pays(world: World) -> None:
    world.begin("second")
    ended = slipway(world.project, "ship", "--json", MLFLOW_REGISTRY_URI="http://127.0.0.1:9", **RETRIES)
    assert_refused(ended, 15)
    assert json.loads(ended.stdout)["champion"] == "1.1.0"
    told = world.told("status")
    assert (told["registry"]["release"], told["targets"][0]["batch"]["release"]) == ("1.0.0", "1.1.0")
    world.succeed("ship")
    assert world.told("status")["registry"]["release"] == "1.1.0"


def test_a_registry_that_was_away_hears_of_every_champion_that_it_missed(world: World) -> None:
    world.begin("second")
    slipway(world.project, "ship", MLFLOW_REGISTRY_URI="http://127.0.0.1:9", **RETRIES)
    world.succeed(*BACK)
    proved = {entry.digest for entry in world.target.past_champions()}
    assert world.registrations() == dict.fromkeys(proved, (1, 1))
    assert len(proved) == 2


def test_a_ship_without_any_mlflow_starts_nothing(world: World) -> None:
    world.begin("second")
    with nothing_moves(world):
        assert "the MLflow store at http://127.0.0.1:9 cannot be opened" in refused(world, 18, "ship", **UNREACHABLE)


@pytest.mark.parametrize("command", [["ship"], ["predict"], ["serve", "--port", "0"]], ids=lambda c: c[0])
def test_a_tampered_champion_is_not_followed_by_anything(world: World, command: list[str]) -> None:
    world.begin("second")
    (world.target.current / "model.onnx").write_bytes(b"tampered")
    with nothing_moves(world):
        assert "'model.onnx'" in refused(world, 10, *command)
    world.succeed("doctor")


def test_a_tampered_or_missing_past_champion_is_not_gone_back_to(world: World) -> None:
    world.begin("rollback")
    (past,) = (world.target.path / "releases").glob("1.0.0-*")
    (past / "golden.json").write_bytes(b"{}")
    with nothing_moves(world):
        assert "the champion is still 1.1.0; `slipway doctor` may restore it" in refused(world, 10, *BACK)
    rmtree(past)
    with nothing_moves(world):
        assert f"{past.name} is missing" in refused(world, 16, *BACK)


def test_a_current_that_is_a_folder_moves_nothing(world: World) -> None:
    world.begin("second")
    champion = world.target.champion()
    assert champion
    world.target.current.unlink()
    copytree(champion.path, world.target.current)
    with nothing_moves(world):
        for command in (["ship"], BACK, ["status"]):
            assert "`slipway doctor` shows how to fix it" in refused(world, 14, *command)
    rmtree(world.target.current)


def test_a_malformed_journal_moves_nothing(world: World) -> None:
    world.begin("rollback")
    world.target.journal.write_bytes(b"not ours\n" + world.target.journal.read_bytes())
    before = os.path.realpath(world.target.current)
    for command in (["ship"], BACK, ["resume", "--reason", "go"], ["history"], ["status"]):
        assert "line 1 of" in refused(world, 11, *command)
    assert os.path.realpath(world.target.current) == before


def test_a_clock_that_went_backwards_changes_no_order(world: World) -> None:
    world.begin("rollback")
    world.target.journal.write_bytes(world.target.journal.read_bytes().replace(b'"at":"20', b'"at":"29'))
    assert world.told(*BACK)["to"] == "1.0.0"
    world.succeed("resume", "--reason", "mended")
    moves = [(row["action"], row["to"]) for row in world.told("history")]
    assert moves == [("rollout", "1.0.0"), ("rollout", "1.1.0"), ("rollback", "1.0.0"), ("resume", "1.0.0")]
    assert "1.1.0 was rolled back and cannot be rolled out to " in refused(world, 11, "ship")


def test_a_rollback_said_again_goes_no_further_back(world: World) -> None:
    world.begin("rollback")
    edit(world.project / "slipway.toml", "alpha = 0.9", "alpha = 0.8")
    world.succeed("ship")
    third = world.told("status")["targets"][0]["batch"]["release"]
    assert world.told(*BACK)["from"] == third
    again = world.told(*BACK)
    assert (again["to"], again["again"]) == ("1.1.0", True)
    assert "use --to to go back further" in world.succeed(*BACK).stdout
    assert world.told(*BACK, "--to", "1.0.0")["to"] == "1.0.0"


@pytest.mark.slow
def test_a_second_ship_is_refused_while_one_runs(world: World) -> None:
    world.begin("first")
    line = [str(SLIPWAY), "ship", "--no-cache", "--settings", str(world.project / "slipway.toml")]
    first = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert eventually(lambda: lock_holder(world.project / ".slipway" / "ship.lock"), 60)
    assert "another `slipway ship` is running" in refused(world, 13, "ship")
    assert first.wait(120) == 0
    assert world.outcomes("none") == ["proved"]


@pytest.mark.slow
def test_a_second_rollback_is_refused_while_one_runs_and_status_still_answers(world: World) -> None:
    world.begin("rollback")
    assert world.served()
    (server,) = live_servers(world.target.path)
    stopped = acknowledgements(world.target.path, server)[0].pid
    os.kill(stopped, signal.SIGSTOP)
    try:
        line = [str(SLIPWAY), *BACK, "--settings", str(world.project / "slipway.toml")]
        first = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert eventually(lambda: len(world.target.entries()) == 5, 60)
        assert f"process {first.pid} of" in refused(world, 13, *BACK)
        place = world.told("status")["targets"][0]
        assert [intent["by"].split()[1] for intent in place["unfinished"]] == [str(first.pid)]
        assert len(world.target.entries()) == 5
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert first.wait(120) == 0
    assert world.outcomes("rollback") == ["proved"]


def test_two_dirty_builds_of_one_version_are_told_apart_by_digest(world: World) -> None:
    world.begin("second")
    settings = world.project / "slipway.toml"
    built = []
    for alpha in ("0.7", "0.6"):
        settings.write_text(settings.read_text().replace("alpha = 0.9", f"alpha = {alpha}").replace("0.7", alpha))
        built.append(world.told("ship"))
    assert built[0]["champion"] == built[1]["champion"]
    assert built[0]["champion"].endswith(".dirty")
    assert built[0]["digest"] != built[1]["digest"] == world.told("status")["targets"][0]["batch"]["digest"]
    assert [row["digest"] for row in world.told("history")][1:] == [build["digest"] for build in built]


def test_a_target_that_takes_no_prerelease_refuses_before_anything_is_trained(world: World) -> None:
    world.begin("second")
    edit(world.project / "slipway.toml", "[train.parameters]", "[target]\nallow_prerelease = false\n[train.parameters]")
    with nothing_moves(world):
        ended = slipway(world.project, "ship")
        assert_refused(ended, 11)
        assert ended.writes == []
        assert "is a pre-release, which" in ended.stderr


def test_a_held_target_refuses_before_anything_is_trained(world: World) -> None:
    world.begin("rollback")
    world.succeed(*BACK)
    edit(world.project / "slipway.toml", "alpha = 0.9", "alpha = 0.8")
    ended = slipway(world.project, "ship")
    assert_refused(ended, 12)
    assert ended.writes == []
