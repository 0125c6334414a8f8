"""Hostile text in titles, messages, tags and every input of a dispatch: it stays text, and where it can it is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.sampling import ALL
from tests.workflows.act import Run, git
from tests.workflows.world import World, new_world

pytestmark = pytest.mark.slow

ATTACKS: dict[str, Callable[[Path], str]] = {
    "substitution": lambda canary: f"$(touch {canary})",
    "backticks": lambda canary: f"`touch {canary}`",
    "quotes": lambda canary: f"\"'; touch {canary}; '\"",
    "newlines": lambda canary: f"x\ntouch {canary}\n",
    "commands": lambda canary: f"::set-output name=tag::v9.9.9\n::add-path::{canary.parent}\n$(touch {canary})",
    "expression": lambda canary: f"${{{{ github.token }}}}$(touch {canary})",
}


def attack_in_every_way(canary: Path) -> str:
    return "\n".join(make(canary) for make in ATTACKS.values())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with new_world(tmp_path_factory.mktemp("hostile"), private=False) as world:
        yield world


@pytest.fixture(params=ATTACKS if ALL else ["in every way"])
def attack(request: pytest.FixtureRequest, world: World) -> Iterator[str]:
    """A text that makes a canary wherever it is run as a program; none may be there afterwards.

    A run of a workflow takes seconds, so `make test` puts all attacks into one text, and `make test-all` tries each.
    """
    canary = world.folder / "canary"
    yield ATTACKS.get(request.param, attack_in_every_way)(canary)
    assert not canary.exists()
    assert list(world.folder.glob("**/canary*")) == []


def did_nothing(world: World, run: Run) -> None:
    assert world.machine.token not in run.log
    assert world.github.repository.releases == []
    assert world.tags() == []


def test_a_version_that_is_a_program_is_refused(world: World, attack: str) -> None:
    run = world.dispatched("rollback.yml", version=attack, reason="why")
    assert run.jobs["promote"] == "failure"
    assert "is not a release; it must be X.Y.Z" in run.log
    did_nothing(world, run)


def test_reasons_that_are_programs_stay_text(world: World, attack: str) -> None:
    back, on = (
        world.dispatched("rollback.yml", version="1.0.0", reason=attack),
        world.dispatched("resume.yml", reason=attack),
    )
    assert "no published release v1.0.0" in back.log
    assert "GitHub has no champion yet" in on.log
    did_nothing(world, back)
    did_nothing(world, on)


def test_a_data_set_that_is_named_like_programs_stays_text(world: World) -> None:
    canary = world.folder / "canary"
    some = [attack(canary) for attack in ATTACKS.values()]
    run = world.dispatched("batch.yml", **{"input": "".join(some), "keep": some[0], "max-invalid": some[1]})
    assert "no champion yet" in run.log
    assert list(world.folder.glob("**/canary*")) == []
    did_nothing(world, run)


def test_every_input_of_a_retrain_stays_text(world: World) -> None:
    canary = world.folder / "canary"
    attack = attack_in_every_way(canary)
    given = dict.fromkeys(("through", "source", "reason", "settings"), attack) | {"via": "push", "dry-run": "false"}
    before = world.head("main")
    run = world.dispatched("retrain.yml", **given)
    assert run.jobs == {"rehearse": "failure"}
    assert "--through expects YYYY-MM-DD" in run.log
    assert (world.head("main"), list(world.folder.glob("**/canary*"))) == (before, [])
    did_nothing(world, run)


def test_a_title_that_is_a_program_is_refused(world: World, attack: str) -> None:
    git(world.team, "checkout", "--quiet", "-B", "topic", "origin/main")
    run = world.pull_request(f"{attack} fix: all is well")
    git(world.team, "checkout", "--quiet", "main")
    assert run.jobs["compatibility"] == "failure"
    did_nothing(world, run)


def test_a_message_that_is_a_program_is_text_in_the_preview(world: World, attack: str) -> None:
    git(world.team, "checkout", "--quiet", "-B", "topic", "origin/main")
    run = world.pull_request(f"fix: all is well\n\n{attack}")
    git(world.team, "checkout", "--quiet", "main")
    assert run.jobs["compatibility"] == "success", run.why
    did_nothing(world, run)


@pytest.mark.parametrize("tag", ["v1.0.0$(touch${IFS}canary)", "v1.0.0`id`", "v1.0.0;id", "v1.0", "v1.0.0-rc.1"])
def test_a_tag_that_is_no_version_is_refused_before_anything_is_trained(world: World, tag: str) -> None:
    git(world.team, "push", "--quiet", "origin", f"HEAD:refs/tags/{tag}")
    run = world.deploy(tag)
    git(world.team, "push", "--quiet", "origin", f":refs/tags/{tag}")
    assert (run.jobs["plan"], run.jobs.get("train")) == ("failure", None)
    assert "is not a release; it must be X.Y.Z" in run.log
    assert list(world.folder.glob("**/canary*")) == []
    did_nothing(world, run)


def test_a_tag_beside_the_main_line_is_refused(world: World) -> None:
    git(world.team, "checkout", "--quiet", "-B", "aside", "origin/main")
    git(world.team, "commit", "--quiet", "--allow-empty", "--message", "feat: not reviewed")
    git(world.team, "push", "--quiet", "origin", "HEAD:refs/tags/v1.0.0")
    git(world.team, "checkout", "--quiet", "main")
    run = world.deploy("v1.0.0")
    git(world.team, "push", "--quiet", "origin", ":refs/tags/v1.0.0")
    assert run.jobs["plan"] == "failure"
    assert "not on a release branch" in run.log
    did_nothing(world, run)


def test_the_attacks_work_on_a_shell_that_is_careless(tmp_path: Path) -> None:
    """The canary can appear: a test that could not fail would say nothing."""
    for name in ("substitution", "backticks", "newlines"):
        canary = tmp_path / name
        subprocess.run(["bash", "-c", f"echo {ATTACKS[name](canary)}"], check=False, capture_output=True)
        assert canary.exists()
