"""Detect drift, top to bottom: read the rows, predict, count by bin, compare, decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway.drift.bin_counts import BinCounts
from slipway.drift.labels import read_labels
from slipway.drift.live_metrics import LabelledRows
from slipway.drift.reference import ReferenceSide
from slipway.drift.rescore import rescore_rows
from slipway.drift.result import Drift, LiveMetrics, Window
from slipway.drift.rows import RowSelection, read_rows
from slipway.drift.windows import Threshold, WindowRule, newest_windows, single_window
from slipway.errors import DataError, SettingsError
from slipway.reporting.progress import Note
from slipway.reporting.suggestions import did_you_mean


@dataclass(frozen=True)
class DriftRequest:
    """What to compare: the rows, the threshold for a column, the window rule, the labels, and the gate's thresholds.

    Without a window rule, or if the rows have no timestamps, all rows are compared at once.
    """

    current: str
    threshold: Threshold
    window_rule: WindowRule | None = None
    ignore: tuple[str, ...] = ()
    label: str = ""
    labels_file: str = ""
    key: str = ""
    minimum: Mapping[str, float] = field(default_factory=dict)
    maximum: Mapping[str, float] = field(default_factory=dict)


def detect(side: ReferenceSide, request: DriftRequest, note: Note = lambda sign: None) -> Drift:
    """Compare the rows with the reference.

    Args:
        side: the reference, with the model that scores the rows.
        request: the rows and the thresholds.
        note: called with the number of rows so far.

    Raises:
        DataError: there are no rows, the rows or labels cannot be read, or there are too few for the false-alarm rate.
        SettingsError: a column to ignore does not exist.
        ContractError: a column has a wrong type.
    """
    _check_ignored(side, request)
    tally, labelled = BinCounts(side.reference, request.ignore), LabelledRows(side.contract, side.reference.block)
    labels = (
        read_labels(request.labels_file, request.key, request.label, side.contract) if request.labels_file else None
    )
    selection = RowSelection(side.contract, side.reference.time, request.label, labels)
    for rows in read_rows(request.current, selection):
        scored = rescore_rows(rows, side.scorer) if side.scorer else rows
        tally.add(scored)
        labelled.add(scored)
        note(f"{tally.rows:,} rows")
    if not tally.rows:
        raise DataError(f"{request.current} has no rows")
    if not tally.columns:
        raise DataError(f"{request.current} has none of the columns of {side.name}")
    windows = (
        newest_windows(tally, request.threshold, request.window_rule)
        if request.window_rule and tally.dated
        else [single_window(tally, request.threshold)]
    )
    live = labelled.check_thresholds(request.minimum, request.maximum) if request.label else None
    return _build_result(side, request, tally, tuple(windows), live)


def _build_result(
    side: ReferenceSide, request: DriftRequest, tally: BinCounts, windows: tuple[Window, ...], live: LiveMetrics | None
) -> Drift:
    reference, rule = side.reference, request.window_rule if tally.dated else None
    columns_drifted = rule.is_drift(windows) if rule else bool(windows[0].drifted_columns)
    present = set(tally.columns) | set(request.ignore)
    return Drift(
        drifted=columns_drifted or (live is not None and any(bound.broken for bound in live.bounds)),
        model=side.contract.name,
        release=side.scorer.bundle.release.version if side.scorer else "",
        reference=side.name,
        reference_rows=reference.rows,
        current=request.current,
        rows=tally.rows,
        broken_rows=tally.broken,
        since=windows[-1].since,
        until=windows[0].until,
        block=reference.block,
        false_alarm_rate=request.threshold.false_alarm_rate,
        minimum_effect=request.threshold.minimum_effect,
        rule=f"{rule.k} of the last {rule.n} windows of {rule.days} days, including the newest"
        if rule
        else "all rows compared at once",
        windows=windows,
        absent=tuple(name for name in reference.columns if name not in present),
        live=live,
    )


def _check_ignored(side: ReferenceSide, request: DriftRequest) -> None:
    known = list(side.reference.columns)
    for name in request.ignore:
        if name not in known:
            hint = did_you_mean(name, known, f"it has {', '.join(known)}")
            raise SettingsError(f"drift.ignore names '{name}', which {side.name} does not have{hint}")
