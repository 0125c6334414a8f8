"""`slipway history --at` says what served, since when, by whom, why, on which data, and what it replaced."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from slipway.bundle.release_file import verify
from slipway.commands.history.champion_at import champion_at, parse_time
from slipway.commands.history.refusals import Refusal
from slipway.commands.history.releases import ReleaseSummary, release_summaries
from slipway.commands.history.rows import history_rows
from slipway.errors import SettingsError
from slipway.rollout.rollout import roll_back, roll_out
from slipway.target import journal
from slipway.target.target import Target
from slipway.target.transaction import new_entry
from tests.support.bundles import make_bundle
from tests.support.fork_server import slipway
from tests.support.project_states import World
from tests.support.random_histories import LONG_AGO, Life

MOMENTS = 50


def test_it_is_right_for_fifty_random_moments_of_a_life_of_ships_refusals_retrains_rollbacks_and_resumes(
    life: Life,
) -> None:
    times = life.spread(seed=1)
    drawn = np.random.default_rng(2)
    length = times[-1] - LONG_AGO
    moments = [LONG_AGO + length * drawn.uniform(-0.02, 1.05) for _ in range(MOMENTS)]
    for at in [*moments, *times]:
        written = sum(time <= at for time in times)
        state = [state for state in life.states if state.lines <= written][-1]
        found = champion_at(life.target, at)
        assert found.release == (state.release.version if state.release else None), at
        if state.release:
            assert (found.who, found.reason, found.replaced) == (state.who, state.reason, state.replaced)
            assert (found.data, found.commit) == (state.release.data, state.release.commit)
            assert found.scores == state.release.scores
        assert (found.held is not None) is state.held
    kinds = {state.reason.split()[0] for state in life.states[1:]}
    assert kinds == {"ship", "retrain", "rollback"}


def test_a_stretch_ends_where_the_next_begins_and_the_last_has_no_end(life: Life) -> None:
    times = life.spread(seed=3)
    found = champion_at(life.target, times[-1])
    assert found.until is None
    assert found.since is not None
    before = champion_at(life.target, parse_time(found.since) - timedelta(milliseconds=1))
    assert (before.until, before.release) == (found.since, found.replaced)
    assert before.under_way is not None and before.under_way.to == found.release


def test_every_release_has_its_holdout_metric_beside_it_also_when_only_its_sealed_bundle_is_left(
    life: Life, tmp_path: Path
) -> None:
    champion = life.target.champion()
    assert champion is not None
    rows = history_rows(life.target)
    assert rows[-1]["metric"] == "roc_auc"
    scored = [row["score"] for row in rows if row["to"] == champion.release.version]
    assert set(scored) == {champion.release.scores["roc_auc"]}
    elsewhere = Target(tmp_path / "target")
    elsewhere.path.mkdir()
    elsewhere.journal.write_bytes(life.target.journal.read_bytes())
    assert {row["score"] for row in history_rows(elsewhere)} == {None}
    assert [row["score"] for row in history_rows(elsewhere, [life.target.path / "releases"])] == [
        r["score"] for r in rows
    ]


def test_a_record_that_is_not_the_released_one_is_not_believed(tmp_path: Path) -> None:
    target = Target(tmp_path / "target")
    entry = roll_out(target, make_bundle(tmp_path, "1.0.0"), who="ann", reason="new", allow_prerelease=False)
    release = target.release_path(entry.folder or "") / "release.json"
    release.write_bytes(release.read_bytes().replace(b"0.7", b"0.9"))
    assert champion_at(target, datetime.now(UTC)).scores == {}
    assert history_rows(target)[0]["score"] is None


def test_a_rollout_that_was_killed_is_told_as_under_way_until_it_was_taken_back(tmp_path: Path) -> None:
    target = Target(tmp_path / "target")
    roll_out(target, make_bundle(tmp_path, "1.0.0"), who="ann", reason="new", allow_prerelease=False)
    bundle = verify(make_bundle(target.path / "releases", "1.1.0"))
    intent = journal.append(target.journal, new_entry(target, bundle, "rollout", "bob", "newer"))
    found = champion_at(target, datetime.now(UTC))
    assert found.release == "1.0.0"
    assert found.under_way is not None
    assert (found.under_way.to, found.under_way.who, found.under_way.outcome) == ("1.1.0", "bob", "")
    journal.append(
        target.journal, msgspec.structs.replace(intent, at=datetime.now(UTC).isoformat(), outcome="interrupted")
    )
    assert champion_at(target, datetime.now(UTC)).under_way is None


def ship(target: Target, folder: Path, version: str, **changed: Any) -> None:
    roll_out(target, make_bundle(folder, version), who="ann", reason="new", allow_prerelease=False, **changed)


def lines(summaries: list[ReleaseSummary]) -> list[tuple[str, str, str, str]]:
    return [(summary.release, summary.status, summary.who, summary.reason) for summary in summaries]


def test_each_release_is_one_line_the_newest_first_also_one_that_was_rolled_back_or_failed(tmp_path: Path) -> None:
    target = Target(tmp_path / "target")
    ship(target, tmp_path, "1.0.0")
    ship(target, tmp_path, "1.1.0")
    ship(target, tmp_path, "1.2.0")
    roll_back(target, to=None, reason="scores drifted", who="bob")
    bundle = verify(make_bundle(target.path / "releases", "1.3.0"))
    intent = journal.append(target.journal, new_entry(target, bundle, "rollout", "eve", "newer"))
    found = release_summaries(target)
    assert lines(found) == [
        ("1.3.0", "in progress", "eve", "newer"),
        ("1.1.0", "live", "bob", "scores drifted"),
        ("1.2.0", "rolled back", "bob", "scores drifted"),
        ("1.0.0", "replaced", "ann", "new"),
    ]
    by_release = {summary.release: summary for summary in found}
    assert by_release["1.2.0"].until == by_release["1.1.0"].since
    assert (by_release["1.1.0"].until, by_release["1.3.0"].until) == (None, None)
    assert by_release["1.1.0"].metric == "roc_auc"
    journal.append(target.journal, msgspec.structs.replace(intent, outcome="failed"))
    assert release_summaries(target)[0].status == "failed"


def test_a_refused_release_is_listed_once_until_a_release_of_that_version_is_rolled_out(tmp_path: Path) -> None:
    target = Target(tmp_path / "target")
    assert release_summaries(target) == []
    ship(target, tmp_path, "1.0.0")
    at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    refusal = Refusal(
        at=at, who="eve", release="1.1.0", champion="1.0.0", scores={"roc_auc": 0.6}, reason="roc_auc 0.600"
    )
    found = release_summaries(target, refusals=[refusal, refusal])
    assert lines(found)[0] == ("1.1.0", "refused", "eve", "roc_auc 0.600")
    assert [summary.release for summary in found] == ["1.1.0", "1.0.0"]
    row = history_rows(target, refusals=[refusal])[-1]
    assert (row["outcome"], row["from"], row["to"], row["score"]) == ("refused", "1.0.0", "1.1.0", 0.6)
    ship(target, tmp_path, "1.1.0")
    assert [summary.status for summary in release_summaries(target, refusals=[refusal])] == ["live", "replaced"]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-22T10:00", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00Z", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22 11:00+01:00", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22", "2026-11-22T00:00:00+00:00"),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, utc: str) -> None:
    assert parse_time(text) == datetime.fromisoformat(utc)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "3026-11-22T10:00"])
def test_what_is_no_time_or_in_the_future_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"is not a time|is in the future"):
        parse_time(text)


def test_the_command_tells_people_and_machines(world: World) -> None:
    world.begin("rollback")
    now = datetime.now(UTC).isoformat()
    told: dict[str, Any] = json.loads(world.succeed("history", "--at", now, "--json").stdout)
    assert (told["release"], told["replaced"], told["reason"]) == ("1.1.0", "1.0.0", "ship")
    assert "rmse" in told["scores"] and len(told["data"]["diabetes"]) == 64
    shown = world.succeed("history", "--at", now).stdout
    assert "served" in shown and "1.1.0" in shown and "still live" in shown
    assert f"rmse {told['scores']['rmse']:.3f}" in world.succeed("history").stdout
    assert slipway(world.project, "history", "--at", "noon").returncode == 3
