"""`status` says what batch, live servers and the registry answer themselves, and looking changes nothing."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.bundle.release_file import verify
from slipway.commands.status import read_status
from slipway.errors import BundleError, RolloutError
from slipway.rollout.rollout import roll_out
from slipway.target import journal
from slipway.target.readiness import acknowledgements, live_servers, wait_for_workers
from slipway.target.target import Target
from slipway.target.transaction import new_entry
from tests.support.bundles import flip, make_bundle
from tests.support.eventually import eventually
from tests.support.fork_server import slipway
from tests.support.project_states import UNREACHABLE, World
from tests.support.projects import diabetes
from tests.support.running_server import running

SLIPWAY = Path(sys.executable).with_name("slipway")


@pytest.fixture
def target(tmp_path: Path) -> Target:
    target = Target(tmp_path / "target")
    roll_out(target, make_bundle(tmp_path / "made", "1.0.0"), who="ann", reason="new", allow_prerelease=False)
    return target


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")}


def test_without_a_server_real_time_is_what_one_would_serve(target: Target) -> None:
    place, errors = read_status(target)
    assert errors == []
    assert (place.batch.release, place.realtime.release, place.realtime.servers) == ("1.0.0", "1.0.0", [])


def test_with_servers_real_time_is_what_they_acknowledged(target: Target, tmp_path: Path) -> None:
    other = make_bundle(target.path / "releases", "2.0.0", bias=1.0)
    with running(target=target.path) as server:
        assert wait_for_workers(target.path, verify(target.current).digest, 60) == []
        (known,) = live_servers(target.path)
        stopped = acknowledgements(target.path, known)[0].pid
        os.kill(stopped, signal.SIGSTOP)
        try:
            flip(target.path, other)
            assert eventually(lambda: "2.0.0" in [said.release for said in acknowledgements(target.path, known)])
            place, _ = read_status(target)
        finally:
            os.kill(stopped, signal.SIGCONT)
        assert (place.batch.release, place.realtime.release) == ("2.0.0", None)
        (told,) = place.realtime.servers
        assert (told.pid, told.workers, told.ready, told.release) == (server.process.pid, 2, 2, None)
        assert f"worker {stopped} of {known} serves 1.0.0" in told.problems[0]
        assert wait_for_workers(target.path, verify(other).digest, 60) == []
        place, _ = read_status(target)
        assert (place.realtime.release, place.realtime.servers[0].problems) == ("2.0.0", [])


def test_a_rollout_in_progress_is_told_and_not_undone(target: Target) -> None:
    bundle = verify(make_bundle(target.path / "releases", "1.1.0"))
    with target.lock("ann"):
        intent = journal.append(target.journal, new_entry(target, bundle, "rollout", "ann", "new"))
        target.flip(intent.folder)
        before = everything(target.path)
        place, _ = read_status(target)
        assert place.batch.release == "1.1.0"
        assert [(u.from_, u.to, u.by) for u in place.unfinished] == [
            ("1.0.0", "1.1.0", f"process {os.getpid()} of ann")
        ]
    killed, _ = read_status(target)
    assert [u.by for u in killed.unfinished] == [None]
    assert everything(target.path) == before


def test_a_status_makes_nothing_where_nothing_is(tmp_path: Path) -> None:
    project = diabetes(tmp_path / "p")
    before = everything(tmp_path)
    done = subprocess.run([str(SLIPWAY), "status", "--settings", str(project)], capture_output=True, text=True)
    # A slow machine prints a heartbeat, and nothing else.
    assert (done.returncode, re.sub(r"[a-z ]+: running for .*\n", "", done.stderr)) == (0, "")
    assert everything(tmp_path) == before


def test_a_damaged_champion_is_said_and_is_an_error(target: Target) -> None:
    (target.current / "model.onnx").write_bytes(b"damaged")
    place, errors = read_status(target)
    assert place.batch.release is None
    assert [type(error) for error in errors] == [BundleError]
    assert "has changed" in place.problems[0]


def test_a_malformed_journal_is_said_and_the_champion_all_the_same(target: Target) -> None:
    target.journal.write_bytes(b"{}\n")
    place, errors = read_status(target)
    assert place.batch.release == "1.0.0"
    assert [type(error) for error in errors] == [RolloutError]


def test_a_registry_that_does_not_answer_is_not_taken_for_an_empty_one(world: World) -> None:
    world.begin("second")
    ended = slipway(world.project, "status", "--json", **UNREACHABLE)
    assert ended.returncode == 0
    assert '"problem": "the registry does not respond' in ended.stdout


def test_rows_are_plain_lines_in_a_pipe_and_a_table_on_a_terminal(world: World) -> None:
    world.begin("rollback")
    piped = world.succeed("history").stdout.splitlines()
    assert len(piped) == 2
    assert all("\x1b" not in line for line in piped)
    assert [line.split()[0] for line in piped] == ["1.1.0", "1.0.0"]
    assert ["live" in line for line in piped] == [True, False]
    shown = on_a_terminal([str(SLIPWAY), "history", "--settings", str(world.project / "slipway.toml")])
    assert "\x1b[" in shown
    assert "status" in shown


def test_a_terminal_without_color_is_respected(world: World) -> None:
    world.begin("rollback")
    command = [str(SLIPWAY), "status", "--settings", str(world.project / "slipway.toml")]
    assert "\x1b[1;36m" in on_a_terminal(command)
    assert "36m" not in on_a_terminal(command, NO_COLOR="1")


def test_a_long_reason_is_shortened_to_fit_the_terminal(world: World) -> None:
    world.begin("rollback")
    world.succeed("rollback", "--reason", "scores drifted " * 20)
    shown = on_a_terminal([str(SLIPWAY), "history", "--settings", str(world.project / "slipway.toml")])
    assert "..." in shown
    assert len(shown.splitlines()) == 3
    assert ("scores drifted " * 20).strip() in world.succeed("history").stdout


def on_a_terminal(command: list[str], **variables: str) -> str:
    main, side = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"} | variables
    subprocess.run(command, stdout=side, env=environment, check=True)
    os.close(side)
    shown = b""
    while True:
        try:
            shown += (part := os.read(main, 65536))
        except OSError:
            break
        if not part:
            break
    os.close(main)
    return shown.decode()
