"""`slipway gate` says what the gate would say, and moves nothing."""

from __future__ import annotations

import json

from slipway.gate.rules import read_rules
from slipway.settings.sections import Gate
from tests.support.fork_server import slipway
from tests.support.project_states import World
from tests.support.projects import edit

RULES = read_rules()


def test_a_rehearsal_judges_beside_the_champion_and_changes_nothing_that_serves(world: World) -> None:
    world.begin("second")
    before = (world.target.entries(), world.target.releases(), world.registrations())
    told = world.told("gate")
    assert (told["release"], told["verdict"], told["champion"]) == ("1.1.0", "publish", "1.0.0")
    assert {rule["rule"] for rule in told["rules"]} >= {"champion.rmse", "ceiling.rmse", "holdout.shared"}
    assert (world.target.entries(), world.target.releases(), world.registrations()) == before
    assert world.told("ship")["rules"] == told["rules"]


def test_a_rehearsal_that_would_be_refused_says_so_and_has_the_exit_code_of_a_refusal(world: World) -> None:
    world.begin("second")
    edit(world.project / "slipway.toml", "minimum_holdout_rows = 20", "minimum_holdout_rows = 2000")
    ended = slipway(world.project, "gate")
    assert ended.returncode == 9
    assert "2,000 are required; the champion is still 1.0.0" in ended.stderr
    refused = [line.split()[1] for line in ended.stdout.splitlines() if line.startswith("refused")]
    assert refused == ["holdout.rows"]


def test_each_rule_is_explained_with_what_sets_it_also_those_of_a_sealed_bundle(world: World) -> None:
    world.begin("rollback")
    told = world.told("gate", "--explain", "--bundle", str(world.target.current))
    by_rule = {rule["rule"]: rule for rule in told["rules"]}
    assert (told["release"], told["verdict"]) == ("1.1.0", "publish")
    assert by_rule["champion.rmse"]["setting"] == "gate.margin"
    assert by_rule["champion.rmse"]["value"] == Gate().margin
    assert by_rule["holdout.shared"]["setting"] is None
    known = {explained.why for explained in RULES}
    assert {rule["because"] for rule in told["rules"]} <= known
    shown = world.succeed("gate", "--explain", "--bundle", str(world.target.current)).stdout
    assert "champion.rmse: passed\n" in shown
    assert "    set by   gate.margin = 0.01\n" in shown
    assert json.dumps(by_rule["champion.rmse"]["why"]).strip('"') in shown
