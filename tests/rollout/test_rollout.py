"""A rollout makes a proved bundle champion or leaves everything as it was."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.errors import BundleError, BusyError, HeldError, NotFoundError, RolloutError, SettingsError
from slipway.rollout.rollout import resume, roll_back, roll_out
from slipway.rollout.verification import verify_rollout
from slipway.target.journal import Entry, history
from slipway.target.target import Target
from slipway.target.transaction import settle
from slipway.target.version_order import check_may_follow
from tests.support.bundles import GOLDEN, answers, flip, make_bundle, serving
from tests.support.running_server import running

HOLD = """
import signal, sys
from pathlib import Path
from slipway.storage.locks import hold_lock
hold_lock(Path(sys.argv[1]) / "servers" / "1" / "server.lock")
print("held", flush=True)
signal.pause()
"""


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path / "target")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "made"


def deploy(target: Target, bundle: Path, *, prerelease: bool = False, automatic: bool = True) -> Entry:
    return roll_out(target, bundle, who="ann", reason="new", allow_prerelease=prerelease, automatic=automatic)


def outcomes(target: Target) -> list[tuple[str | None, ...]]:
    return [(r["action"], r["from"], r["to"], r["outcome"]) for r in history(target.entries())]


def announce_server(folder: Path) -> None:
    """Say that a server of one worker runs here; whoever holds its lock makes it so, and no worker ever loads."""
    (folder / "servers" / "1").mkdir(parents=True)
    server = '{"id":"1","pid":1,"host":"127.0.0.1","port":1,"workers":1,"started":"now"}'
    (folder / "servers" / "1" / "server.json").write_text(server)
    (folder / "servers" / "1" / "server.lock").touch()


def test_a_release_becomes_champion_and_the_journal_says_so(target: Target, made: Path) -> None:
    entry = deploy(target, make_bundle(made, "1.0.0"))
    assert (entry.outcome, entry.from_, entry.to, entry.from_folder) == ("proved", None, "1.0.0", None)
    deploy(target, make_bundle(made, "1.1.0", task="regression"))
    assert serving(target) == "1.1.0"
    assert outcomes(target) == [("rollout", None, "1.0.0", "proved"), ("rollout", "1.0.0", "1.1.0", "proved")]


def test_the_same_bundle_again_is_proved_again_and_not_written_down(target: Target, made: Path) -> None:
    bundle = make_bundle(made)
    assert deploy(target, bundle) == deploy(target, bundle)
    assert len(target.entries()) == 2


def test_a_tampered_bundle_is_refused_and_nothing_moves(target: Target, made: Path) -> None:
    deploy(target, make_bundle(made, "1.0.0"))
    bundle = make_bundle(made, "1.1.0")
    (bundle / "model.onnx").write_bytes(b"another")
    before = target.releases(), target.journal.read_bytes(), target.current.readlink()
    with pytest.raises(BundleError, match=r"'model.onnx' in .* has changed"):
        deploy(target, bundle)
    assert (target.releases(), target.journal.read_bytes(), target.current.readlink()) == before


def test_a_bundle_that_does_not_reproduce_its_golden_rows_is_refused(target: Target, made: Path) -> None:
    with pytest.raises(BundleError, match="does not reproduce its golden predictions"):
        deploy(target, make_bundle(made, golden=answers(GOLDEN) + 1e-6))
    assert (target.champion(), target.entries()) == (None, [])


@pytest.mark.parametrize("first", [True, False])
def test_a_failing_proof_flips_back(target: Target, made: Path, first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make_bundle(made, "1.1.0")
    if not first:
        deploy(target, make_bundle(made, "1.0.0"))
    monkeypatch.setitem(verify_rollout.__kwdefaults__ or {}, "timeout", 5.0)
    was = None if first else "1.0.0"
    announce_server(target.path)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(target.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RolloutError) as caught:
            deploy(target, bundle)
    finally:
        holder.kill()
        holder.communicate()
    assert "0 of the 1 workers" in str(caught.value)
    assert str(caught.value).endswith(f"the champion is still {was}" if was else "there is still no champion")
    assert serving(target) == was
    assert outcomes(target)[-1] == ("rollout", was, "1.1.0", "failed")


def test_the_proof_lists_what_a_fresh_process_found(target: Target, made: Path) -> None:
    deploy(target, make_bundle(made, "1.0.0"))
    champion = target.champion()
    assert champion is not None
    other = make_bundle(target.path / "releases", "1.1.0")
    flip(target.path, other)
    with pytest.raises(RolloutError, match=r"a fresh process loaded 1\.1\.0: expected the digest"):
        verify_rollout(target, champion)
    (other / "model.onnx").write_bytes(b"another")
    with pytest.raises(RolloutError, match="has changed"):
        verify_rollout(target, champion)


def test_an_older_or_equal_release_may_not_follow(target: Target, made: Path) -> None:
    deploy(target, make_bundle(made, "1.2.0"))
    for number, version in enumerate(["1.1.9", "1.2.0+build", "1.2.0-rc.1"], 1):
        with pytest.raises(RolloutError, match=r"is not newer than 1\.2\.0.*the champion is still 1\.2\.0"):
            deploy(target, make_bundle(made, version, bias=number), prerelease=True)
    with pytest.raises(RolloutError, match=r"1\.2\.0 is the champion of .* already, with other files"):
        deploy(target, make_bundle(made, "1.2.0", bias=9))
    assert serving(target) == "1.2.0"


def test_a_release_that_was_champion_is_not_rolled_out_again_but_can_be_rolled_back_to(
    target: Target, made: Path
) -> None:
    first = make_bundle(made, "1.0.0")
    for bundle in (first, make_bundle(made, "1.1.0")):
        deploy(target, bundle)
    with pytest.raises(
        RolloutError, match=r"1\.0\.0 was champion before and cannot be .*`slipway rollback --to 1\.0\.0 -"
    ):
        deploy(target, first)
    roll_back(target, reason="bad", who="bob")
    resume(target, reason="go on", who="bob")
    with pytest.raises(
        RolloutError,
        match=r'1\.1\.0 was rolled back and .*`slipway rollback --to 1\.1\.0 --reason "\.\.\."`; the champ',
    ):
        check_may_follow(target, "1.1.0", allow_prerelease=True)
    roll_back(target, to="1.1.0", reason="it was fine", who="bob")
    assert serving(target) == "1.1.0"


def test_prereleases_need_leave_and_may_be_rebuilt(target: Target, made: Path) -> None:
    first = make_bundle(made, "1.0.0-rc.1")
    with pytest.raises(RolloutError, match="is a pre-release"):
        deploy(target, first)
    deploy(target, first, prerelease=True)
    rebuilt = make_bundle(made, "1.0.0-rc.1", bias=1.0)
    deploy(target, rebuilt, prerelease=True)
    with pytest.raises(RolloutError, match="is the champion of .* already, with other files"):
        deploy(target, first, prerelease=True)
    deploy(target, make_bundle(made, "1.0.0"))
    assert serving(target) == "1.0.0"


def test_what_is_no_semantic_version_is_refused(target: Target, made: Path) -> None:
    with pytest.raises(RolloutError, match=r"'1\.0' is not a semantic version"):
        deploy(target, make_bundle(made, "1.0"))


def test_a_rollback_holds_automatic_rollouts_until_resume(target: Target, made: Path) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        deploy(target, make_bundle(made, version))
    roll_back(target, reason="late flights on time", who="bob")
    assert serving(target) == "1.1.0"
    assert [name[:5] for name in target.rolled_back_releases()] == ["1.2.0"]
    fix = make_bundle(made, "1.2.1")
    with pytest.raises(HeldError, match=r"from 1\.2\.0 to 1\.1\.0 \(late flights on time\); `slipway resume --reason"):
        deploy(target, fix)
    resume(target, reason="fixed", who="bob")
    deploy(target, fix)
    roll_back(target, reason="worse", who="bob")
    assert serving(target) == "1.1.0"
    deploy(target, make_bundle(made, "1.2.2"), automatic=False)
    assert [row[0] for row in outcomes(target)][3:] == ["rollback", "resume", "rollout", "rollback", "rollout"]


def test_after_a_rollback_the_next_release_must_be_newer_than_the_bad_one(target: Target, made: Path) -> None:
    for version in ("1.0.0", "2.0.0"):
        deploy(target, make_bundle(made, version))
    roll_back(target, reason="bad", who="bob")
    resume(target, reason="go on", who="bob")
    with pytest.raises(RolloutError, match=r"1\.5\.0 is not newer than 2\.0\.0"):
        deploy(target, make_bundle(made, "1.5.0"))


def test_a_rollback_goes_where_it_is_told(target: Target, made: Path) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        deploy(target, make_bundle(made, version))
    assert roll_back(target, to="1.0.0", reason="bad", who="bob").outcome == "proved"
    assert serving(target) == "1.0.0"
    with pytest.raises(
        NotFoundError, match=r"no earlier release 0\.9\.0 .*releases in .*: 1\.0\.0-.*1\.1\.0-.*1\.2\.0-"
    ):
        roll_back(target, to="0.9.0", reason="bad", who="bob")


def test_a_rollback_needs_a_reason_and_somewhere_to_go(target: Target, made: Path) -> None:
    deploy(target, make_bundle(made, "1.0.0"))
    with pytest.raises(SettingsError, match="needs a reason"):
        roll_back(target, reason=" ", who="bob")
    with pytest.raises(NotFoundError, match="there is no earlier good release to roll back to"):
        roll_back(target, reason="bad", who="bob")
    assert serving(target) == "1.0.0"


def test_a_rollback_to_a_tampered_release_is_refused_and_nothing_moves(target: Target, made: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        deploy(target, make_bundle(made, version))
    (target.release_path(target.releases()[0]) / "model.onnx").write_bytes(b"another")
    with pytest.raises(BundleError, match="has changed"):
        roll_back(target, reason="bad", who="bob")
    assert serving(target) == "1.1.0"
    assert len(target.entries()) == 4


def test_a_newer_release_can_replace_a_champion_whose_bytes_were_damaged(target: Target, made: Path) -> None:
    deploy(target, make_bundle(made, "1.0.0"))
    (target.current / "model.onnx").write_bytes(b"damaged")
    deploy(target, make_bundle(made, "1.0.1"))
    assert serving(target) == "1.0.1"


def test_two_commands_at_once_do_not_mix(target: Target, made: Path) -> None:
    deploy(target, make_bundle(made, "1.0.0"))
    bundle = make_bundle(made, "1.1.0")
    with target.lock("ann"):
        for command in (
            lambda: deploy(target, bundle),
            lambda: roll_back(target, reason="bad", who="bob"),
            lambda: resume(target, reason="go on", who="bob"),
            lambda: settle(target),
        ):
            with pytest.raises(BusyError, match=rf"process {os.getpid()} of ann .*still 1\.0\.0"):
                command()
    assert len(target.entries()) == 2
    assert outcomes(target) == [("rollout", None, "1.0.0", "proved")]


def test_a_live_server_is_part_of_the_proof(target: Target, made: Path) -> None:
    deploy(target, make_bundle(made, "1.0.0"))
    with running(target=target.path) as server:
        deploy(target, make_bundle(made, "1.1.0", bias=1.0))
        answer = server.post({"inputs": GOLDEN})
        assert answer.release == "1.1.0"
        assert answer.json["predictions"] == pytest.approx(answers(GOLDEN, bias=1.0), rel=1e-9)
        roll_back(target, reason="bad", who="bob")
        assert server.post({"inputs": GOLDEN}).release == "1.0.0"


def test_a_rollout_that_cannot_be_written_down_goes_back(
    target: Target, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(target, make_bundle(made, "1.0.0"))
    bundle, sync, lines = make_bundle(made, "1.1.0"), os.fsync, []

    def full_at_the_proof(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "journal.jsonl":
            lines.append(descriptor)
            if len(lines) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full_at_the_proof)
    with pytest.raises(RolloutError, match=r"No space left on device.*the champion is still 1\.0\.0"):
        deploy(target, bundle)
    assert serving(target) == "1.0.0"
    assert outcomes(target)[-1] == ("rollout", "1.0.0", "1.1.0", "failed")


def test_the_fresh_process_of_the_proof_needs_no_training_library(made: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from slipway.rollout import rollout, verification\n"
        "found = verification.verify_predictions(Path(sys.argv[1]))\n"
        "print(found.release, found.problems, {'pandas', 'sklearn', 'mlflow', 'pydantic'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program, str(make_bundle(made, task="regression"))]
    assert subprocess.check_output(command, text=True) == "1.2.3 [] set()\n"


def test_a_mistyped_target_is_not_created_by_a_rollback(target: Target) -> None:
    with pytest.raises(NotFoundError, match="no target at"):
        roll_back(target, reason="bad", who="bob")
    assert not target.path.exists()
