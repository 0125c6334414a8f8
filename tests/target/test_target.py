"""What a target says of itself is read from its folder."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from slipway.errors import BundleError, BusyError, NotFoundError, RolloutError
from slipway.storage import atomic
from slipway.target import journal
from slipway.target.journal import Entry
from slipway.target.target import Target
from tests.support.bundles import flip, make_bundle


def entry(**changes: str | None) -> Entry:
    names = {"id": "1", "at": "t", "who": "w", "action": "rollout", "from": None, "to": "1.0.0", "digest": "d"}
    fields = names | {"folder": "1.0.0-d", "from_folder": None, "reason": "r", "outcome": ""} | changes
    return msgspec.convert(fields, Entry)


def test_an_intent_and_its_outcome_are_one_row_of_history(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for written in (entry(), entry(outcome="proved"), entry(id="2", to="1.1.0")):
        journal.append(path, written)
    assert b'"from":null' in path.read_bytes()
    rows = journal.history(journal.read(path))
    assert [(row["to"], row["outcome"]) for row in rows] == [("1.0.0", "proved"), ("1.1.0", "")]
    assert list(rows[0]) == ["at", "who", "action", "from", "to", "digest", "reason", "outcome"]
    assert [left.id for left in journal.open_intents(journal.read(path))] == ["2"]


def test_a_malformed_journal_is_refused_by_line(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(b"{}\n")
    with pytest.raises(RolloutError, match=r"line 1 of .*journal\.jsonl is malformed"):
        Target(tmp_path).entries()


def test_a_rollback_marks_the_release_it_left_until_someone_chooses_that_again(tmp_path: Path) -> None:
    target = Target(tmp_path)
    back = entry(action="rollback", outcome="proved", from_folder="2.0.0-e", folder="1.0.0-d")
    journal.append(target.journal, back)
    assert target.rolled_back_releases() == {"2.0.0-e"}
    assert target.active_hold() == back
    again = entry(action="rollback", outcome="proved", from_folder="1.0.0-d", folder="2.0.0-e")
    journal.append(target.journal, again)
    assert target.rolled_back_releases() == {"1.0.0-d"}
    journal.append(target.journal, entry(action="resume", outcome="done"))
    assert target.active_hold() is None


def test_an_empty_target_has_no_champion(tmp_path: Path) -> None:
    target = Target(tmp_path / "none")
    assert target.champion() is None
    assert target.releases() == []
    assert target.entries() == []


def test_the_champion_is_the_verified_bundle_that_current_leads_to(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "releases")
    flip(tmp_path, bundle)
    champion = Target(tmp_path).champion()
    assert champion is not None
    assert (champion.path, champion.release.version) == (bundle, "1.2.3")
    (bundle / "model.onnx").write_bytes(b"changed")
    with pytest.raises(BundleError, match=r"model\.onnx"):
        Target(tmp_path).champion()
    assert Target(tmp_path).champion_sentence() == "the champion is still 1.2.3"


def test_a_current_that_leads_nowhere_is_said(tmp_path: Path) -> None:
    atomic.swap_link(tmp_path / "current", "releases/1.0.0-000000000000")
    with pytest.raises(NotFoundError, match="no bundle at"):
        Target(tmp_path).champion()


def test_a_second_command_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    flip(tmp_path, make_bundle(tmp_path / "releases"))
    with Target(tmp_path).lock("ann"), pytest.raises(BusyError) as caught, Target(tmp_path).lock("bob"):
        pass
    assert f"process {os.getpid()} of ann holds the lock" in str(caught.value)
    assert "the champion is still 1.2.3" in str(caught.value)
    with Target(tmp_path).lock("bob"):
        assert (tmp_path / "lock").read_text() == f"process {os.getpid()} of bob"
