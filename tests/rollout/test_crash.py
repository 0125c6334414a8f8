"""A kill at any moment leaves one whole champion, and the next command finishes the story."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from slipway.rollout.rollout import roll_back, roll_out
from slipway.target.journal import history
from slipway.target.target import Target
from slipway.target.transaction import settle
from tests.support.bundles import make_bundle, serving
from tests.support.sampling import sample

DRIVER = """
import functools, os, signal, sys
from pathlib import Path
from slipway.rollout.rollout import roll_back, roll_out
from slipway.storage import atomic
from slipway.target.target import Target

target, bundle, fatal, moment = Target(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3]), sys.argv[4]
writes = []

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def counted(write):
    @functools.wraps(write)
    def wrapped(*arguments):
        writes.append(write.__name__)
        mine = len(writes) == fatal
        if mine and moment == "before":
            die()
        if mine and moment == "during":
            write_half = os.write
            os.write = lambda file, content: (write_half(file, content[: len(content) // 2]), die())
            os.fsync = Path.replace = lambda *_: die()
        write(*arguments)
        if mine and moment == "after":
            die()
    return wrapped

for name in ("write_file", "append_line", "swap_link", "remove_link", "publish_folder"):
    setattr(atomic, name, counted(getattr(atomic, name)))
if bundle:
    roll_out(target, Path(bundle), who="ann", reason="new", allow_prerelease=False)
else:
    roll_back(target, reason="bad", who="ann")
print(*writes)
"""
WRITES = {
    "first": ["publish_folder", "append_line", "swap_link", "append_line"],
    "second": ["publish_folder", "append_line", "swap_link", "append_line"],
    "rollback": ["append_line", "swap_link", "append_line"],
    "after a kill": ["swap_link", "append_line", "append_line", "swap_link", "append_line"],
}
"""What each command writes; the last begins by settling what a killed "second" left."""
INTENT = {"first": 2, "second": 2, "rollback": 1, "after a kill": 0}
"""Which write is the intent that a kill leaves without an outcome."""
CASES = [
    (command, k, moment)
    for command, writes in WRITES.items()
    for k in range(1, (2 if command == "after a kill" else len(writes)) + 1)
    for moment in ("before", "during", "after")
]
GOAL = {"first": "1.0.0", "second": "1.1.0", "rollback": "1.0.0", "after a kill": "1.1.0"}
BEFORE = {"first": None, "second": "1.0.0", "rollback": "1.1.0", "after a kill": "1.0.0"}


@dataclass(frozen=True, slots=True)
class World:
    """The bundles, and a target as it is before each command."""

    bundles: dict[str, Path]
    states: dict[str, Path]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    first, second = (make_bundle(folder, version) for version in ("1.0.0", "1.1.0"))
    bundles = {"first": first, "second": second, "after a kill": second}
    world = World(bundles, {command: folder / "states" / command for command in WRITES})
    world.states["first"].mkdir(parents=True)
    for before, after in (("first", "second"), ("second", "rollback")):
        shutil.copytree(world.states[before], world.states[after], symlinks=True)
        run(Target(world.states[after]), before, bundles)
    drive(world, world.states["after a kill"], "second", 3, "after")
    return world


def run(target: Target, command: str, bundles: dict[str, Path]) -> None:
    if command == "rollback":
        roll_back(target, reason="bad", who="bob")
    else:
        roll_out(target, bundles[command], who="bob", reason="new", allow_prerelease=False)


def drive(world: World, target: Path, command: str, k: int, moment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that kills itself at its k-th durable write."""
    shutil.copytree(world.states[command], target, symlinks=True)
    bundle = str(world.bundles.get(command, ""))
    line = [sys.executable, "-c", DRIVER, str(target), bundle, str(k), moment]
    return subprocess.run(line, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", WRITES)
def test_every_durable_write_of_a_command_is_among_the_cases(world: World, tmp_path: Path, command: str) -> None:
    ended = drive(world, tmp_path / "target", command, 0, "never")
    assert ended.stdout.split() == WRITES[command], ended.stderr
    assert serving(Target(tmp_path / "target")) == GOAL[command]


@pytest.mark.parametrize(
    ("command", "k", "moment"), sample(CASES, kind=lambda case: (case[0], WRITES[case[0]][case[1] - 1]))
)
def test_a_kill_leaves_one_whole_champion_and_the_next_command_converges(
    world: World, tmp_path: Path, command: str, k: int, moment: str
) -> None:
    target, goal, before = Target(tmp_path / "target"), GOAL[command], BEFORE[command]
    ended = drive(world, target.path, command, k, moment)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert serving(target) in {before, goal}

    wrote = k if moment == "after" else k - 1
    finished = wrote == len(WRITES[command])
    settle(target)
    assert serving(target) == (goal if finished else before)
    interrupted = ["interrupted"] if INTENT[command] <= wrote and not finished else []
    assert outcomes(target, world, command) == (["proved"] if finished else interrupted)

    if not finished:
        run(target, command, world.bundles)
    assert serving(target) == goal
    assert outcomes(target, world, command) == [*interrupted, "proved"]
    assert list(target.path.rglob(".*.tmp")) == []


def outcomes(target: Target, world: World, command: str) -> list[str | None]:
    """How the commands ended that came after the starting state, the one that was killed there included."""
    settled = [row for row in history(Target(world.states[command]).entries()) if row["outcome"]]
    return [row["outcome"] for row in history(target.entries())][len(settled) :]
