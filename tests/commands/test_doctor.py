"""`doctor` mends what is safe to mend, and for the rest names one command that does: here each is run as it is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.release_file import verify
from slipway.target import journal
from slipway.target.readiness import acknowledgements, live_servers, wait_for_workers
from slipway.target.transaction import new_entry
from tests.support.bundles import make_bundle
from tests.support.fork_server import slipway
from tests.support.project_states import UNREACHABLE, World


@pytest.fixture
def shipped(world: World) -> World:
    """1.0.0 and 1.1.0 were shipped, and no server follows, of which doctor would have more to say."""
    world.stop_server()
    world.begin("rollback")
    return world


def examined(world: World, code: int = 0, **environment: str) -> list[dict[str, Any]]:
    ended = slipway(world.project, "doctor", "--json", **environment)
    assert ended.returncode == code, ended.stderr
    found: list[dict[str, Any]] = json.loads(ended.stdout)
    return found


def obey(world: World, command: str) -> None:
    """Run a command as a person would who copies it from the terminal."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    line = ["bash", "-ec", command]
    subprocess.run(line, cwd=world.project, env=os.environ | {"PATH": path}, check=True, capture_output=True)


def past(world: World, version: str) -> Path:
    return next((world.target.path / "releases").glob(f"{version}-*"))


def damage(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"damaged")


def forget_sealed(world: World) -> None:
    shutil.rmtree(world.project / ".slipway" / "bundles")


def test_a_world_that_agrees_has_nothing_to_be_found(shipped: World) -> None:
    assert examined(shipped) == []
    assert "no problems found" in shipped.succeed("doctor").stdout


def test_an_interrupted_rollout_is_taken_back(shipped: World) -> None:
    bundle = verify(past(shipped, "1.0.0"))
    journal.append(shipped.target.journal, new_entry(shipped.target, bundle, "rollback", "ann", "bad"))
    shipped.target.flip(bundle.path.name)
    assert [(f["kind"], f["mended"]) for f in examined(shipped)] == [("interrupted", True)]
    assert shipped.told("status")["targets"][0]["batch"]["release"] == "1.1.0"
    assert shipped.told("history")[-1]["outcome"] == "interrupted"


def test_an_unpaid_registry_is_paid_or_stays_owed(shipped: World) -> None:
    slipway(shipped.project, "rollback", "--reason", "bad", **UNREACHABLE)
    owed, held = examined(shipped, 15, **UNREACHABLE)
    assert (owed["kind"], owed["mended"], owed["command"]) == ("registry", False, "slipway doctor")
    assert held["kind"] == "held"
    obey(shipped, owed["command"])
    assert [found["kind"] for found in examined(shipped)] == ["held"]
    assert shipped.told("status")["registry"]["release"] == "1.0.0"


def test_a_hold_is_told_and_is_no_fault(shipped: World) -> None:
    shipped.succeed("rollback", "--reason", "bad")
    (held,) = examined(shipped)
    assert "bad" in held["what"]
    obey(shipped, held["command"])
    assert examined(shipped) == []


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_a_damaged_release_is_restored_from_the_bundle_that_was_sealed(shipped: World, version: str) -> None:
    folder = past(shipped, version)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    damage(folder)
    (found,) = examined(shipped)
    assert (found["kind"], found["where"], found["mended"]) == ("damaged", str(folder), True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert examined(shipped) == []


def test_a_champion_that_is_gone_is_restored(shipped: World) -> None:
    shutil.rmtree(past(shipped, "1.1.0"))
    assert slipway(shipped.project, "predict").returncode == 16
    assert [(f["kind"], f["mended"]) for f in examined(shipped)] == [("damaged", True)]
    shipped.succeed("predict")


def test_a_damaged_past_champion_without_a_twin_can_only_be_removed(shipped: World) -> None:
    forget_sealed(shipped)
    damage(past(shipped, "1.0.0"))
    (found,) = examined(shipped, 10)
    assert found["command"].startswith("rm -r ")
    obey(shipped, found["command"])
    assert examined(shipped) == []


def test_a_damaged_champion_without_a_twin_is_left_by_a_rollback(shipped: World) -> None:
    forget_sealed(shipped)
    damage(past(shipped, "1.1.0"))
    (found,) = examined(shipped, 10)
    assert found["command"].startswith("slipway rollback ")
    obey(shipped, found["command"])
    assert shipped.told("status")["targets"][0]["batch"]["release"] == "1.0.0"
    assert sorted(f["kind"] for f in examined(shipped, 10)) == ["damaged", "held"]


def test_a_current_that_is_a_folder_is_put_aside_by_the_command_that_is_told(shipped: World) -> None:
    shipped.target.current.unlink()
    shutil.copytree(past(shipped, "1.1.0"), shipped.target.current)
    (found,) = examined(shipped, 14)
    obey(shipped, found["command"])
    assert examined(shipped) == []
    assert shipped.told("status")["targets"][0]["batch"]["release"] == "1.1.0"


def test_a_malformed_line_is_taken_out_by_the_command_that_is_told(shipped: World) -> None:
    lines = shipped.target.journal.read_bytes().splitlines(keepends=True)
    shipped.target.journal.write_bytes(lines[0] + b"not ours\n" + b"".join(lines[1:]))
    (found,) = examined(shipped, 11)
    assert "line 2" in found["what"]
    obey(shipped, found["command"])
    assert shipped.target.journal.read_bytes() == b"".join(lines)
    assert examined(shipped) == []


def test_copies_that_were_never_proved_and_half_made_ones_are_removed(shipped: World) -> None:
    refused = make_bundle(shipped.target.path / "releases", "9.0.0")
    half = shipped.target.path / "releases" / ".8.0.0-0.tmp"
    sealing = shipped.project / ".slipway" / "bundles" / ".7.0.0-0.tmp"
    half.mkdir()
    sealing.mkdir()
    found = examined(shipped)
    assert [f["mended"] for f in found] == [True, True, True]
    assert not any(path.exists() for path in (refused, half, sealing))
    assert examined(shipped) == []


def test_no_release_is_removed_when_the_journal_is_lost(shipped: World) -> None:
    here = shipped.target.releases()
    shipped.target.journal.unlink()
    examined(shipped)
    assert shipped.target.releases() == here


@pytest.mark.slow
def test_a_lagging_server_is_named_with_the_command_that_starts_it_again(shipped: World) -> None:
    champion = shipped.served()
    assert champion
    (server,) = live_servers(shipped.target.path)
    stopped = acknowledgements(shipped.target.path, server)[0].pid
    os.kill(stopped, signal.SIGSTOP)
    try:
        shipped.target.flip(past(shipped, "1.0.0").name)
        found = [finding for finding in examined(shipped, 19) if finding["kind"] == "server"]
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert f"worker {stopped} of" in found[0]["what"]
    assert found[0]["command"] == f"kill {server.pid}; slipway serve --host 127.0.0.1 --port {server.port} --workers 2"
    shipped.begin("rollback")
    assert wait_for_workers(shipped.target.path, champion, 60) == []
    assert examined(shipped) == []
