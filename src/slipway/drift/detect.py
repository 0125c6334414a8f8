"""Detects drift, top to bottom: read the rows, let the model answer, count, compare, judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway.drift.bin_counts import Tally
from slipway.drift.labels import read_outcomes
from slipway.drift.live_metrics import Truths
from slipway.drift.reference import Against
from slipway.drift.rescore import with_answers
from slipway.drift.result import Drift, Live, Window
from slipway.drift.rows import Wanted, rows_of
from slipway.drift.windows import Bar, Rule, newest, whole
from slipway.errors import DataError, SettingsError
from slipway.reporting.progress import Note
from slipway.reporting.suggestions import did_you_mean


@dataclass(frozen=True)
class Asked:
    """What is asked: the bar for a column, the rule over windows, where the truth is, and the gate's bars.

    Without a rule, and where rows have no time, all rows are judged at once.
    """

    current: str
    bar: Bar
    rule: Rule | None = None
    ignore: tuple[str, ...] = ()
    truth: str = ""
    outcomes: str = ""
    key: str = ""
    floors: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)


def detect(against: Against, asked: Asked, note: Note = lambda sign: None) -> Drift:
    """Hold the rows against the reference.

    Raises:
        DataError: there are no rows, they or the truth cannot be read, or they are too few for the false-alarm rate.
        SettingsError: a column to ignore is none.
        ContractError: a column has a wrong type.
    """
    _check_ignored(against, asked)
    tally, truths = Tally(against.reference, asked.ignore), Truths(against.contract, against.reference.block)
    outcomes = read_outcomes(asked.outcomes, asked.key, asked.truth, against.contract) if asked.outcomes else None
    wanted = Wanted(against.contract, against.reference.time, asked.truth, outcomes)
    for rows in rows_of(asked.current, wanted):
        answered = with_answers(rows, against.scorer) if against.scorer else rows
        tally.add(answered)
        truths.add(answered)
        note(f"{tally.rows:,} rows")
    if not tally.rows:
        raise DataError(f"{asked.current} has no rows")
    if not tally.columns:
        raise DataError(f"{asked.current} has none of the columns of {against.name}")
    windows = newest(tally, asked.bar, asked.rule) if asked.rule and tally.dated else [whole(tally, asked.bar)]
    live = truths.held_against(asked.floors, asked.ceilings) if asked.truth else None
    return _told(against, asked, tally, tuple(windows), live)


def _told(against: Against, asked: Asked, tally: Tally, windows: tuple[Window, ...], live: Live | None) -> Drift:
    reference, rule = against.reference, asked.rule if tally.dated else None
    moved = rule.holds(windows) if rule else bool(windows[0].moved)
    there = set(tally.columns) | set(asked.ignore)
    return Drift(
        drifted=moved or (live is not None and any(bound.broken for bound in live.bounds)),
        model=against.contract.name,
        release=against.scorer.bundle.release.version if against.scorer else "",
        reference=against.name,
        reference_rows=reference.rows,
        current=asked.current,
        rows=tally.rows,
        broken_rows=tally.broken,
        since=windows[-1].since,
        until=windows[0].until,
        block=reference.block,
        false_alarm_rate=asked.bar.false_alarm_rate,
        minimum_effect=asked.bar.minimum_effect,
        rule=f"{rule.k} of the last {rule.n} windows of {rule.days} days, and the newest"
        if rule
        else "all rows at once",
        windows=windows,
        absent=tuple(name for name in reference.columns if name not in there),
        live=live,
    )


def _check_ignored(against: Against, asked: Asked) -> None:
    known = list(against.reference.columns)
    for name in asked.ignore:
        if name not in known:
            hint = did_you_mean(name, known, f"it has {', '.join(known)}")
            raise SettingsError(f"drift.ignore names '{name}', which {against.name} does not have{hint}")
