"""Drift of real files, datasets and logs against a bundle's reference or other rows."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from slipway.bundle.release_file import verify
from slipway.drift.detect import DriftRequest, detect
from slipway.drift.reference import ReferenceSide, build_reference, read_bundle_reference
from slipway.drift.rows import RowSelection, read_rows
from slipway.drift.windows import Threshold, WindowRule
from slipway.errors import BundleError, ContractError, DataError, NotFoundError, SettingsError
from tests.support.batch_jobs import run
from tests.support.bundles import make_bundle
from tests.support.drifting_rows import (
    CALM,
    CONTRACT,
    INPUTS,
    MOVED,
    bundle_of,
    days,
    found,
    joined,
    log,
    predicted,
    written,
)


def test_rows_of_the_same_kind_do_not_drift_and_moved_ones_do(against: ReferenceSide, tmp_path: Path) -> None:
    calm = found(against, written(tmp_path / "calm.parquet", CALM))
    assert not calm.drifted and calm.newest_window.drifted_columns == []
    assert (calm.since, calm.until, calm.rows, calm.newest_window.blocks) == ("2013-10-01", "2013-10-14", 840, 14)
    moved = found(against, written(tmp_path / "moved.parquet", MOVED))
    assert moved.drifted
    assert (
        "distance" in moved.newest_window.drifted_columns and "probability_late" in moved.newest_window.drifted_columns
    )
    assert {"seats", "carrier", "tail"}.isdisjoint(moved.newest_window.drifted_columns)
    assert [f.column for f in moved.newest_window.findings if f.prediction] == [
        "prediction", "probability_late", "probability_early", "probability_on time",
    ]  # fmt: skip


def test_every_source_of_the_same_rows_gives_the_same_answer(against: ReferenceSide, tmp_path: Path) -> None:
    parquet = written(tmp_path / "moved.parquet", MOVED)
    csv.write_csv(pq.read_table(parquet), tmp_path / "moved.csv")
    run(parquet, tmp_path / "scored", against.scorer.bundle.path, part=300)  # type: ignore[union-attr]
    log(tmp_path / "log", MOVED)
    told = {name: found(against, tmp_path / name) for name in ("moved.parquet", "moved.csv", "scored", "log")}
    first = told["moved.parquet"]
    assert first.rows == 840
    for other in told.values():
        assert msgspec.structs.replace(other, current="", absent=()) == msgspec.structs.replace(
            first, current="", absent=()
        )


def test_a_dataset_without_inputs_tells_the_drift_of_its_predictions(against: ReferenceSide, tmp_path: Path) -> None:
    parquet = written(tmp_path / "moved.parquet", MOVED)
    run(parquet, tmp_path / "scored", against.scorer.bundle.path, keep=("time",))  # type: ignore[union-attr]
    told = found(against, tmp_path / "scored")
    assert [f.column for f in told.newest_window.findings] == list(predicted(CALM))
    assert told.absent == tuple(INPUTS)
    assert told.drifted
    other = make_bundle(tmp_path / "other", "1.3.0", bias=1.0)
    run(parquet, tmp_path / "others", other, keep=("time",))
    with pytest.raises(DataError, match=r"scored by 1\.3\.0 and lack the input columns that 1\.2\.3 needs"):
        found(against, tmp_path / "others")


def test_a_category_that_nobody_knew_is_a_stranger_and_drifts(against: ReferenceSide, tmp_path: Path) -> None:
    strange = {**CALM, "tail": np.where(np.arange(840) % 2, "N999", CALM["tail"])}
    told = {f.column: f for f in found(against, written(tmp_path / "x.parquet", strange)).newest_window.findings}
    assert told["tail"].strangers == pytest.approx(0.5)
    assert told["tail"].drifted and not told["seats"].drifted
    assert told["tail"].bins[-1].now == pytest.approx(0.5) and told["tail"].bins[-1].before == 0


def test_nulls_are_told_and_a_column_that_is_left_out_is_all_null(against: ReferenceSide, tmp_path: Path) -> None:
    rows = {name: values for name, values in CALM.items() if name != "seats"}
    told = {f.column: f for f in found(against, written(tmp_path / "x.parquet", rows)).newest_window.findings}
    assert told["seats"].nulls_before == pytest.approx(0.1, abs=0.02)
    assert told["seats"].nulls == 1.0 and told["seats"].drifted


def test_a_large_shift_of_few_days_and_a_sure_one_that_is_small_are_no_drift(
    against: ReferenceSide, tmp_path: Path
) -> None:
    place = written(tmp_path / "x.parquet", days(7, start="2013-10-01", seed=3, shift=1.5))
    (first,) = [f for f in found(against, place).newest_window.findings if f.column == "distance"]
    strict = detect(against, DriftRequest(str(place), Threshold(0.01, first.stability_index + 0.01)))
    assert first.stability_index > 0.1
    assert "distance" not in strict.newest_window.drifted_columns


def test_rows_that_break_the_contract_are_counted_and_stop_nothing(against: ReferenceSide, tmp_path: Path) -> None:
    carriers = CALM["carrier"].copy()
    carriers[:9] = "ZZ"
    told = found(against, written(tmp_path / "x.parquet", {**CALM, "carrier": carriers}))
    assert told.broken_rows == 9
    assert {f.column: f for f in told.newest_window.findings}["probability_late"].nulls == pytest.approx(9 / 840)


def test_without_a_time_nothing_can_be_said_by_day(against: ReferenceSide, tmp_path: Path) -> None:
    rows = {name: values for name, values in CALM.items() if name != "time"}
    with pytest.raises(
        DataError, match="the rows have no column 'time', but the reference is divided by it into blocks of a day"
    ):
        found(against, written(tmp_path / "x.parquet", rows))


def test_too_few_days_are_refused_and_not_passed(against: ReferenceSide, tmp_path: Path) -> None:
    place = written(tmp_path / "x.parquet", days(1, start="2013-10-01", shift=9.0))
    with pytest.raises(
        DataError, match="1 blocks of a day are too few; a false-alarm rate of 0.01 .* needs at least 2"
    ):
        found(against, place)
    told = detect(against, DriftRequest(str(place), Threshold(0.05, 0.1)))
    assert told.drifted


def test_rows_without_a_time_are_judged_one_by_one(tmp_path: Path) -> None:
    plain = days(30, per_day=50, seed=5)
    still = {name: values for name, values in plain.items() if name != "time"}
    still["distance"] = np.random.default_rng(0).normal(size=1500)
    other = {**still, "distance": np.random.default_rng(1).normal(size=1500)}
    by_row = build_reference(
        "r",
        read_rows(str(written(tmp_path / "r.parquet", still)), RowSelection(CONTRACT)),
        CONTRACT,
        time="",
        block="row",
    )
    assert not found(by_row, written(tmp_path / "same.parquet", other)).drifted
    shifted = found(by_row, written(tmp_path / "more.parquet", {**other, "distance": other["distance"] + 1}))
    assert shifted.newest_window.drifted_columns == ["distance"]
    assert (shifted.since, shifted.block, by_row.name) == ("", "row", "r")
    at_once = found(by_row, tmp_path / "same.parquet", window_rule=WindowRule(1, 2, 7))
    assert (at_once.rule, len(at_once.windows)) == ("all rows compared at once", 1)


def test_ignored_columns_are_not_judged_and_an_unknown_one_is_an_error(against: ReferenceSide, tmp_path: Path) -> None:
    place = written(tmp_path / "x.parquet", MOVED)
    told = found(against, place, ignore=("distance",))
    assert "distance" not in {f.column for f in told.newest_window.findings} | set(told.absent)
    with pytest.raises(SettingsError, match="drift.ignore names 'distanse'.*did you mean 'distance'"):
        found(against, place, ignore=("distanse",))


@pytest.mark.parametrize(
    ("shifts", "wanted"), [((0, 0, 3), False), ((0, 3, 3), True), ((3, 3, 0), False), ((3, 0, 3), True)]
)
def test_drift_is_k_of_the_last_n_windows_and_the_newest(
    shifts: tuple[int, ...], wanted: bool, against: ReferenceSide, tmp_path: Path
) -> None:
    weeks = [
        days(7, start=f"2013-10-{1 + 7 * n:02}", seed=10 + n, shift=float(shift)) for n, shift in enumerate(shifts)
    ]
    told = found(against, written(tmp_path / "x.parquet", joined(*weeks)), window_rule=WindowRule(2, 3, 7))
    assert [(w.since, w.until) for w in told.windows] == [
        ("2013-10-15", "2013-10-21"), ("2013-10-08", "2013-10-14"), ("2013-10-01", "2013-10-07"),
    ]  # fmt: skip
    assert [bool(window.drifted_columns) for window in told.windows] == [bool(shift) for shift in reversed(shifts)]
    assert told.drifted is wanted


def test_a_bundle_without_a_reference_says_so_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    old = verify(make_bundle(tmp_path / "old"))
    with pytest.raises(NotFoundError, match=r"the bundle of 1\.2\.3 has no reference\.json"):
        read_bundle_reference(old)
    folder = bundle_of(tmp_path / "new", CALM)
    bundle = verify(folder)
    (folder / "reference.json").write_bytes(b"{}")
    with pytest.raises(BundleError, match=r"reference\.json has changed"):
        read_bundle_reference(bundle)


def test_what_cannot_be_read_is_named(against: ReferenceSide, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        found(against, tmp_path / "nowhere")
    with pytest.raises(ContractError, match="column 'distance' of .* has text, but the contract of"):
        found(against, written(tmp_path / "x.parquet", {**CALM, "distance": np.full(840, "far", dtype=object)}))
    expected = "column 'time' of .*: expected dates or times such as 2013-09-30 or 2013-09-30 14:05:00, got "
    with pytest.raises(DataError, match=f'{expected}"noon"$'):
        found(against, written(tmp_path / "y.parquet", {**CALM, "time": np.full(840, "noon", dtype=object)}))
    times = np.array(["2013-09-30"] * 700 + ["9/30/2013"] * 140, dtype=object)
    with pytest.raises(DataError, match=f'{expected}"9/30/2013"$'):
        found(against, written(tmp_path / "w.parquet", {**CALM, "time": times}))
    with pytest.raises(DataError, match=f"{expected}integers$"):
        found(against, written(tmp_path / "n.parquet", {**CALM, "time": np.arange(840)}))
    with pytest.raises(DataError, match="has no rows"):
        found(against, written(tmp_path / "z.parquet", {name: values[:0] for name, values in CALM.items()}))


def test_the_truth_is_held_against_the_gates_own_bars(against: ReferenceSide, tmp_path: Path) -> None:
    right = predicted(CALM)["prediction"]
    rng = np.random.default_rng(0)
    wrong = [None] * 40 + rng.permutation(right).tolist()[40:]
    bars = {"minimum": {"accuracy": 0.9}, "maximum": {"accuracy": 0.99}}
    for truth, rows, broken in ((right, 840, ["ceiling.accuracy"]), (wrong, 800, ["floor.accuracy"])):
        place = written(tmp_path / "x.parquet", CALM, truth=truth)
        told = found(against, place, label="truth", **bars)
        assert told.live is not None and told.live.rows == rows
        assert [bound.rule for bound in told.live.bounds if bound.broken] == broken
        assert told.drifted and told.newest_window.drifted_columns == []
    with pytest.raises(DataError, match="has no column 'later'"):
        found(against, place, label="later")


def test_a_bar_that_the_truth_cannot_judge_is_an_error_and_never_a_pass(against: ReferenceSide, tmp_path: Path) -> None:
    place = written(tmp_path / "one.parquet", CALM, truth=["late"] * len(CALM["tail"]))
    said = r"the live roc_auc or its interval is undefined on the 840 rows with labels, .*; their labels are late$"
    with pytest.raises(DataError, match=said):
        found(against, place, label="truth", minimum={"roc_auc": 0.1})
