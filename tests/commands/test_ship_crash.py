"""Wherever a ship or a rollback is killed, batch and server answer one digest, and the next command converges.

The real command line on real git, MLflow on SQLite and a live server; each process kills itself by SIGKILL before,
during or after one of its durable writes. What it writes at all is a case of its own, so none can be left out.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.fork_server import Kill, slipway
from tests.support.project_states import COMMANDS, UNREACHABLE, World
from tests.support.sampling import sample

pytestmark = pytest.mark.slow

RUN = ["create_run", "log_metric", "log_metric", "log_metric", "log_metric", "set_tag", "set_terminated"]
ROLLOUT = ["publish_files", "publish_files", "append_line", "swap_link", "append_line"]
MIRROR = ["create_run", "log_artifacts", "set_terminated", "create_model_version", "set_registered_model_alias"]
WRITES = {
    "first": [*RUN, *ROLLOUT, "create_registered_model", *MIRROR],
    "second": [*RUN, *ROLLOUT, *MIRROR],
    "rollback": ["append_line", "swap_link", "append_line", "set_registered_model_alias"],
    "settling": ["swap_link", "append_line", *RUN, "append_line", "swap_link", "append_line", *MIRROR],
}
"""What each command writes: seal, stage, intent, flip, outcome and mirror; the last one settles a killed flip first."""
FLIP = WRITES["second"].index("swap_link") + 1
AWAY = WRITES["rollback"][:3]
"""What a rollback writes when MLflow is away."""
NOT_SHIPS = ("rollback", "settling")
"""The two ships write the same, so a sample of their kills is one."""
GOAL = {"first": "1.0.0", "second": "1.1.0", "rollback": "1.0.0", "settling": "1.1.0"}
BEFORE = {"first": None, "second": "1.0.0", "rollback": "1.1.0", "settling": "1.0.0"}


def moments(number: int) -> tuple[str, ...]:
    """When to kill at a write; before any but the first is after the one before it, of which one is enough."""
    return ("before", "during", "after") if number == 1 else ("during", "after")


CASES = [
    (command, number, moment)
    for command, writes in WRITES.items()
    for number in range(1, 3 if command == "settling" else len(writes) + 1)
    for moment in moments(number)
]
"""A settling ship is killed where it settles: after that it is the second ship again."""
AWAY_CASES = [(number, moment) for number in range(1, len(AWAY) + 1) for moment in moments(number)]


@pytest.fixture(scope="session")
def world(world: World) -> World:
    """The project, with the state that a ship leaves which is killed after the flip.

    Once in a worker, as the project itself: a worker that takes tests over from another comes here more than once.
    """
    world.begin("second")
    kill(world, "second", FLIP, "after")
    world.keep("settling")
    return world


def line(command: str) -> list[str]:
    return COMMANDS["second" if command == "settling" else command]


def kill(world: World, command: str, number: int, moment: str, **environment: str) -> None:
    killed = slipway(world.project, *line(command), kill=Kill(number, moment), **environment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr


def check_one_digest(world: World, releases: set[str | None], scratch: Path) -> None:
    """Batch and a live server answer with one digest, and `status` says which, and changes nothing."""
    batch, server, journal = world.batched(scratch), world.served(), world.target.entries()
    told = world.told("status")
    place = told["targets"][0]
    assert (place["batch"]["digest"], place["realtime"]["digest"]) == (batch, batch)
    assert server == batch
    assert place["batch"]["release"] == place["realtime"]["release"]
    assert place["batch"]["release"] in releases
    assert [s["problems"] for s in place["realtime"]["servers"]] == ([[]] if batch else [])
    assert world.target.entries() == journal


def check_converged(world: World, command: str, scratch: Path) -> None:
    """Everything that is said of the champion agrees, and nothing half-made is left."""
    check_one_digest(world, {GOAL[command]}, scratch)
    told = world.told("status")
    place, champion = told["targets"][0], world.target.champion()
    assert champion
    assert (told["registry"]["release"], told["registry"]["digest"]) == (GOAL[command], champion.digest)
    assert place["unfinished"] == []
    assert world.leftovers() == []
    proved = {entry.digest for entry in world.target.past_champions()}
    assert world.registrations() == dict.fromkeys(proved, (1, 1))


def interrupted(command: str, number: int, moment: str) -> list[str]:
    """What the journal must say of the killed command, once the next one has settled it."""
    before = ["interrupted"] if command == "settling" else []
    writes = WRITES[command]
    wrote = writes[: number if moment == "after" else number - 1]
    if command == "settling":
        return before
    return {0: [], 1: ["interrupted"], 2: ["proved"]}[wrote.count("append_line")]


@pytest.mark.parametrize("command", WRITES)
def test_every_durable_write_of_a_command_is_among_the_cases(world: World, command: str, tmp_path: Path) -> None:
    world.begin(command)
    ended = world.succeed(*line(command), kill=Kill())
    assert ended.writes == WRITES[command]
    assert ended.hidden == []
    check_converged(world, command, tmp_path)


def test_a_rollback_writes_the_same_when_mlflow_is_away_but_for_the_mirror(world: World) -> None:
    world.begin("rollback")
    ended = slipway(world.project, *line("rollback"), kill=Kill(), **UNREACHABLE)
    assert (ended.returncode, ended.writes, ended.hidden) == (15, AWAY, [])


@pytest.mark.parametrize(
    ("command", "number", "moment"),
    sample(CASES, kind=lambda case: (case[0] in NOT_SHIPS, WRITES[case[0]][case[1] - 1])),
)
def test_after_a_kill_all_answer_one_digest_and_the_same_command_converges(
    world: World, command: str, number: int, moment: str, tmp_path: Path
) -> None:
    world.begin(command)
    kill(world, command, number, moment)
    check_one_digest(world, {BEFORE[command], GOAL[command]}, tmp_path)
    ended = interrupted(command, number, moment)
    world.succeed(*line(command))
    check_converged(world, command, tmp_path)
    assert world.outcomes("second" if command == "settling" else command) == [
        *(outcome for outcome in ended if outcome != "proved"),
        "proved",
    ]


@pytest.mark.parametrize(("number", "moment"), sample(AWAY_CASES, kind=lambda case: AWAY[case[0] - 1]))
def test_after_a_kill_without_mlflow_the_rollback_converges_and_the_mirror_is_paid_later(
    world: World, number: int, moment: str, tmp_path: Path
) -> None:
    world.begin("rollback")
    kill(world, "rollback", number, moment, **UNREACHABLE)
    check_one_digest(world, {"1.0.0", "1.1.0"}, tmp_path)
    again = slipway(world.project, *line("rollback"), **UNREACHABLE)
    assert again.returncode == 15, again.stderr
    assert "`slipway doctor` updates it" in again.stderr
    assert world.told("status")["registry"]["release"] == "1.1.0"
    check_one_digest(world, {"1.0.0"}, tmp_path)
    world.succeed("doctor")
    check_converged(world, "rollback", tmp_path)
