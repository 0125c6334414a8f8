"""A target's life made up at random, and what was champion after each command, seen without the journal's help."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from slipway.bundle.release_file import Release
from slipway.errors import BundleError, HeldError, NotFoundError, RolloutError
from slipway.rollout.rollout import resume, roll_back, roll_out
from slipway.target.target import Target
from tests.support.bundles import GOLDEN, answers, make_bundle

STEPS = 25
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class State:
    """The world after a command, seen without the journal's help, and how many lines it had written by then."""

    lines: int
    release: Release | None
    who: str
    reason: str
    replaced: str | None
    held: bool


class Life:
    """A target that is shipped to, refused, retrained for, rolled back and resumed, and what it was after each."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.target, self._made, self._random = Target(folder / "target"), folder / "made", np.random.default_rng(seed)
        self._version, self.states, self._pins = (1, 0, 0), [State(0, None, "", "", None, False)], 0
        for number in range(STEPS):
            # The first ones are set, so that each kind comes to pass in every life.
            kinds = ["ship", "retrain", "refuse", "rollback", "ship", "resume"]
            kind = kinds[number] if number < len(kinds) else str(self._random.choice(kinds))
            getattr(self, f"_{kind}")(f"person {number}", f"{kind} {number}")

    def _ship(self, who: str, why: str) -> None:
        self._version = (self._version[0], self._version[1] + 1, 0)
        self._rolled_out(who, why)

    def _retrain(self, who: str, why: str) -> None:
        self._version = (*self._version[:2], self._version[2] + 1)
        self._pins += 1
        self._rolled_out(who, why)

    def _refuse(self, who: str, why: str) -> None:
        """The gate let it pass, and staging or the proof did not; what the gate refuses leaves no trace at all."""
        wrong = answers(GOLDEN) + np.array([[0.25, -0.25, 0]])
        bundle = make_bundle(self._made, "99.0.0", golden=wrong, commit=why)
        with pytest.raises((BundleError, RolloutError, HeldError)):
            roll_out(self.target, bundle, who=who, reason=why, allow_prerelease=False)

    def _rolled_out(self, who: str, why: str) -> None:
        version, pin = ".".join(map(str, self._version)), f"{self._pins:064x}"
        scores = {"roc_auc": float(self._random.random()), "brier": 0.1}
        bundle = make_bundle(self._made, version, commit=why, data={"sales": pin}, scores=scores)
        try:
            roll_out(self.target, bundle, who=who, reason=why, allow_prerelease=False)
        except HeldError:
            return
        self._moved(who, why)

    def _rollback(self, who: str, why: str) -> None:
        held = self.target.active_hold()
        try:
            entry = roll_back(self.target, reason=why, who=who)
        except NotFoundError:
            return
        if held is None or entry.id != held.id:
            self._moved(who, why)

    def _resume(self, who: str, why: str) -> None:
        resume(self.target, reason=why, who=who)
        self.states.append(replace(self.states[-1], lines=len(self.target.entries()), held=False))

    def _moved(self, who: str, why: str) -> None:
        before = self.states[-1].release
        champion = self.target.champion()
        assert champion is not None
        held = why.startswith("rollback")
        told = State(len(self.target.entries()), champion.release, who, why, before.version if before else None, held)
        self.states.append(told)

    def spread(self, seed: int) -> list[datetime]:
        """Give the journal's lines times that lie minutes to days apart; returns them."""
        drawn = np.random.default_rng(seed)
        times, at = [], LONG_AGO
        for _ in self.target.entries():
            at += timedelta(seconds=float(drawn.choice([1, 60, 86_400]) * drawn.uniform(1, 5)))
            times.append(at.replace(microsecond=at.microsecond // 1000 * 1000))
        entries = zip(self.target.entries(), times, strict=True)
        lines = [msgspec.structs.replace(e, at=t.isoformat(timespec="milliseconds")) for e, t in entries]
        self.target.journal.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        return times
