"""What `slipway new` makes, on GitHub through its own workflow files: released, refused, rolled back, retrained, pulled."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from slipway.bundle.release_assets import parse_sums
from tests.workflows.team import bare_copy, commit, set_parameter
from tests.workflows.world import World, history, server, serves, world_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture
def world(churn: Path, tmp_path: Path) -> Iterator[World]:
    team = bare_copy(tmp_path, "octo/churn", churn)
    commit(team, "Initial commit")
    with world_of(tmp_path, "octo/churn", team, private=True) as world:
        # Its own tests train and serve a release once more, which the deploy below does too.
        world.machine = replace(world.machine, environment={"ARGS": "tests/test_settings.py"})
        yield world


def test_from_the_first_push_to_a_rollback_a_refusal_and_a_retrain(world: World) -> None:
    pushed = world.push("feat: predict who leaves")
    assert pushed.green, pushed.why
    deployed = world.deploy()
    assert deployed.green, deployed.why
    assert world.latest() == "v1.0.0"
    sums = parse_sums(world.asset("v1.0.0", "SHA256SUMS").decode(), "SHA256SUMS")
    assert {name.partition("-")[0] for name in sums} >= {"churn", "slipway_ml", "sbom.cdx.json", "report.html"}
    (wheel,) = (world.team / "vendor").iterdir()
    assert world.asset("v1.0.0", wheel.name) == wheel.read_bytes()
    with ZipFile(io.BytesIO(world.asset("v1.0.0", "churn-1.0.0-py3-none-any.whl"))) as own:
        assert {"churn/pipeline/run.py", "churn/components/train/run.py", "churn/slipway.toml"} <= set(own.namelist())
        assert [name for name in own.namelist() if "vendor" in name] == []
    with server(world) as port:
        serves(world, port, "1.0.0")
        a_fix_is_released(world)
        serves(world, port, "1.0.1")
        a_worse_model_is_refused(world)
        serves(world, port, "1.0.1")
        a_rollback_reaches_the_host(world)
        serves(world, port, "1.0.0")
        a_retrain_takes_the_next_month(world)
        serves(world, port, "1.0.3")


def a_fix_is_released(world: World) -> None:
    world.pull()
    set_parameter(world.team, "max_iter = 80")
    assert world.push("fix: train longer").green
    deployed = world.deploy()
    assert deployed.green, deployed.why
    assert world.latest() == "v1.0.1"


def a_worse_model_is_refused(world: World) -> None:
    world.pull()
    set_parameter(world.team, "max_iter = 1")
    assert world.push("fix: train in no time").green
    deployed = world.deploy()
    assert deployed.jobs["verdict"] == "failure"
    assert world.page("v1.0.2").name == "v1.0.2 (refused by the gate)"
    assert world.latest() == "v1.0.1"


def a_rollback_reaches_the_host(world: World) -> None:
    done = world.dispatched("rollback.yml", version="1.0.0", reason="too many false alarms")
    assert done.green, done.why
    assert world.latest() == "v1.0.0"
    assert history(world)[-1] == ("rollback", "1.0.0", "proved")
    assert world.dispatched("resume.yml", reason="it was the data").green


def a_retrain_takes_the_next_month(world: World) -> None:
    world.pull()
    set_parameter(world.team, "max_iter = 60")
    commit(world.team, "chore: as before")
    started = {"through": "2024-10-31", "reason": "October ended", "dry-run": "false", "via": "push"}
    retrained = world.dispatched("retrain.yml", **started)
    assert retrained.jobs == dict.fromkeys(("rehearse", "push", "release"), "success"), retrained.why
    assert world.release().green
    deployed = world.deploy()
    assert deployed.green, deployed.why
    release = json.loads((world.target / "current" / "release.json").read_text())
    assert (release["version"], release["data"]["through"]) == ("1.0.3", "2024-10-31")
    assert world.latest() == "v1.0.3"
    pulled = world.slipway("pull", "--json")
    assert pulled.returncode == 0, pulled.stderr
