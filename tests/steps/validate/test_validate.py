"""Validate: each way in which training data can be wrong is refused with counts and example rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from components.validate.run import validate
from slipway.contract.schema import Column, Contract, encode_contract, outputs_of
from slipway.errors import SettingsError, ValidationError
from slipway.settings.sections import Validate
from slipway.steps.validate.expectations import Expectations
from slipway.tables.data_frame import write_parquet

RUN = Path(__file__).parents[3] / "components" / "validate" / "run.py"
ROWS = 1_000
CLASSES = ("on time", "late")
FLIGHTS = Contract(
    "flights",
    "classification",
    (
        Column("wind", "double", True),
        Column("distance", "long"),
        Column("origin", "string", values=("JFK", "LGA")),
        Column("carrier", "string", True),
        Column("night", "boolean", True),
    ),
    outputs_of("classification", CLASSES),
    CLASSES,
)
DELAY = Contract("delay", "regression", FLIGHTS.inputs[:1], outputs_of("regression", ()))


def flights() -> pd.DataFrame:
    number = np.arange(ROWS)
    return pd.DataFrame(
        {
            "when": pd.date_range("2013-01-01", periods=ROWS, freq="h"),
            "wind": np.where(number % 10 == 0, np.nan, number / 100),
            "distance": number,
            "origin": np.where(number % 2 == 0, "JFK", "LGA"),
            "carrier": [None, "AA", "AA", "AA"] * (ROWS // 4),
            "night": number % 3 == 0,
            "status": np.where(number % 5 == 0, "late", "on time"),
        }
    )


def check(
    folder: Path, frame: pd.DataFrame, contract: Contract = FLIGHTS, target: str = "status", **expectations: Any
) -> dict[str, float]:
    write_parquet(frame, folder / "data.parquet")
    (folder / "contract.json").write_bytes(encode_contract(contract))
    return validate(
        folder,
        data=folder / "data.parquet",
        contract=folder / "contract.json",
        target=target,
        time="when" if "when" in frame else "",
        expectations=expectations,
    )


def complaints(folder: Path, frame: pd.DataFrame, **settings: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        check(folder, frame, **settings)
    return str(caught.value).split("\n- ")[1:]


def changed(column: str, value: Any, rows: list[int] | slice) -> pd.DataFrame:
    """The flights with ``value`` in some rows of a column."""
    frame = flights()
    values = frame[column].astype(object)
    values.iloc[rows] = value
    frame[column] = values.infer_objects() if column not in ("origin", "carrier", "status") else values
    return frame


MEETING: dict[str, Any] = {
    "minimum_rows": 1000,
    "maximum_null_share": {"wind": 0.1, "carrier": 0.25},
    "ranges": {"wind": [0, 10], "distance": [0, None]},
    "class_share": {"late": [0.1, 0.3]},
    "unique": ["when", "origin"],
}


def test_good_data_passes_and_every_check_is_on_record(tmp_path: Path) -> None:
    scores = check(tmp_path, flights(), **MEETING)
    report = json.loads((tmp_path / "validation.json").read_text())
    assert report["ok"] and scores == {"rows": ROWS, "checks": len(report["checks"])}
    done = {(one["name"], one["column"]) for one in report["checks"]}
    assert {("type", "wind"), ("values", "origin"), ("ranges", "distance"), ("unique", ""), ("present", "when")} < done
    assert len(done) == len(report["checks"])


def test_all_failures_are_collected_with_counts_and_three_example_rows(tmp_path: Path) -> None:
    frame = changed("origin", "XXX", [3, 5, 8, 9]).assign(night=2)
    found = complaints(tmp_path, frame, minimum_rows=5000)
    origin, night, rows = found
    assert origin == (
        "Column 'origin' has values that the contract does not allow (allowed: JFK, LGA) in 4 of 1,000 rows "
        "(row 3: 'XXX'; row 5: 'XXX'; row 8: 'XXX')."
    )
    assert night == (
        "Column 'night' must contain true or false (type boolean in the contract), but 1,000 of 1,000 values (int64) are "
        "something else (row 0: 2; row 1: 2; row 2: 2)."
    )
    assert rows == "The data has 1,000 rows, but at least 5,000 are expected."
    failed = [one for one in json.loads((tmp_path / "validation.json").read_text())["checks"] if not one["ok"]]
    assert [one["failed"] for one in failed] == [4, 1000, 0]
    assert failed[0]["examples"] == [{"row": row, "value": "XXX"} for row in (3, 5, 8)]
    assert [one["message"] for one in failed] == found


def test_the_error_says_which_file_and_how_many_checks(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"^data\.parquet failed 1 of \d+ checks:\n- Column"):
        check(tmp_path, changed("origin", "XXX", [3]))


def test_a_missing_column_is_refused_once(tmp_path: Path) -> None:
    found = complaints(tmp_path, flights().drop(columns="carrier"), maximum_null_share={"carrier": 0.5})
    assert found == [
        "The data has no column 'carrier'; it has when, wind, distance, origin, night, status.",
    ]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("wind", "strong", "Column 'wind' must contain finite numbers (type double in the contract), but 2 of 1,000"),
        ("wind", "1.5", "Column 'wind' must contain finite numbers"),
        ("wind", np.inf, "Column 'wind' must contain finite numbers (type double in the contract), but 2 of 1,000"),
        ("distance", 2.5, "Column 'distance' must contain integers (type long in the contract), but 2 of 1,000"),
    ],
)
def test_a_value_of_another_type_is_refused(tmp_path: Path, column: str, value: Any, message: str) -> None:
    frame = changed(column, value, [2, 4])
    if isinstance(value, str):
        frame[column] = frame[column].map(lambda one: one if one == value else None)
    found = complaints(tmp_path, frame)
    assert len(found) == 1
    assert found[0].startswith(message) and f"row 2: {value!r}; row 4: {value!r}" in found[0]


def test_numbers_in_a_string_column_are_refused(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, flights().assign(carrier=7))
    assert found.startswith("Column 'carrier' must contain text (type string in the contract), but 1,000 of 1,000")


def test_times_in_a_number_column_are_refused(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, flights().assign(wind=pd.Timestamp("2013-01-01")))
    assert "row 0: '2013-01-01 00:00:00'" in found


def test_whole_numbers_with_nulls_and_booleans_as_numbers_are_fine(tmp_path: Path) -> None:
    contract = Contract(
        "flights",
        "classification",
        (Column("distance", "long", True), Column("night", "boolean", True)),
        FLIGHTS.outputs,
        CLASSES,
    )
    frame = flights().astype({"distance": float, "night": object})
    frame.loc[5, "distance"] = np.nan
    frame.loc[6, "night"] = None
    assert check(tmp_path, frame, contract)["rows"] == ROWS


def test_a_null_that_the_contract_does_not_allow_is_refused(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, changed("origin", None, [7]))
    assert found == "Column 'origin' is null in 1 of 1,000 rows, which the contract does not allow (row 7: None)."


def test_the_string_that_stands_for_null_is_refused_as_a_value(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, changed("carrier", FLIGHTS.null_string, [1]))
    assert found.startswith("Column 'carrier' contains '\\x00null', which represents null in the model, in 1 rows")


@pytest.mark.parametrize("nothing", [np.nan, None])
@pytest.mark.parametrize("column", ["wind", "carrier"])
def test_a_feature_that_is_null_everywhere_is_refused(tmp_path: Path, column: str, nothing: Any) -> None:
    (found,) = complaints(tmp_path, flights().assign(**{column: nothing}))
    assert found == f"Column '{column}' is null in all 1,000 rows, so no model can learn from it."


def test_a_null_target_is_refused(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, changed("status", None, [11, 12]))
    assert found == "Target 'status' is null in 2 of 1,000 rows (row 11: None; row 12: None)."


def test_a_label_outside_the_contract_is_refused(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, changed("status", "cancelled", [4]))
    assert found == (
        "Target 'status' has labels other than the contract's classes on time, late in 1 of 1,000 rows "
        "(row 4: 'cancelled')."
    )


def test_a_single_class_is_refused(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, flights().assign(status="late"))
    assert found == (
        "Target 'status' has one class, 'late', in all 1,000 rows; at least two of on time, late are needed."
    )


def test_a_regression_target_must_be_a_finite_number(tmp_path: Path) -> None:
    frame = flights()[["wind"]].assign(delay=np.where(np.arange(ROWS) == 6, np.inf, 1.0))
    (found,) = complaints(tmp_path, frame, contract=DELAY, target="delay")
    assert found == "Target 'delay' is not a finite number in 1 of 1,000 rows (row 6: inf)."


def test_a_time_column_must_hold_times_and_no_nulls(tmp_path: Path) -> None:
    (text,) = complaints(tmp_path, flights().assign(when="2013-01-01"))
    assert text.startswith("Time column 'when' must have times, but has type")
    frame = flights()
    frame.loc[9, "when"] = pd.NaT
    (null,) = complaints(tmp_path, frame)
    assert null == "Time column 'when' is null in 1 of 1,000 rows (row 9: None)."


def test_empty_data_is_refused_in_one_sentence(tmp_path: Path) -> None:
    assert complaints(tmp_path, flights()[:0], **MEETING | {"minimum_rows": 0, "class_share": {}}) == [
        "The data has 0 rows, but at least 1 are expected."
    ]


def test_too_many_nulls_are_refused(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, flights(), maximum_null_share={"wind": 0.05})
    assert found.startswith(
        "Column 'wind' is null in 100 of 1,000 rows (10.00%), but at most 5.00% are expected (row 0"
    )


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ([0, 9.97], "must be from 0 to 9.97, but is not in 2 of 1,000 rows (row 998: 9.98; row 999: 9.99)."),
        ([0.02, None], "must be at least 0.02, but is not in 1 of 1,000 rows (row 1: 0.01)."),
        ([None, 9.98], "must be at most 9.98, but is not in 1 of 1,000 rows (row 999: 9.99)."),
    ],
)
def test_a_value_out_of_range_is_refused(tmp_path: Path, bounds: list[float | None], message: str) -> None:
    assert complaints(tmp_path, flights(), ranges={"wind": bounds}) == [f"Column 'wind' {message}"]


def test_a_range_holds_for_numbers_only(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, flights(), ranges={"carrier": [0, 1]})
    assert "is not in 750 of 1,000 rows (row 1: 'AA'" in found


def test_a_class_that_is_too_rare_is_refused(tmp_path: Path) -> None:
    assert complaints(tmp_path, flights(), class_share={"late": [0.3, 0.5], "on time": [None, 0.9]}) == [
        "Class 'late' of target 'status' is 20.00% of 1,000 rows, but from 30.00% to 50.00% is expected."
    ]


def test_a_repeated_key_is_refused_with_the_key(tmp_path: Path) -> None:
    frame = flights()
    frame.loc[8, "distance"] = 6
    (found,) = complaints(tmp_path, frame, unique=["distance", "origin"])
    assert (
        found == "'distance', 'origin' must be unique, but 1 of 1,000 rows repeat an earlier row (row 8: [6, 'JFK'])."
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"minimun_rows": 5}, "unknown expectation 'minimun_rows'; did you mean 'minimum_rows'?"),
        ({"ranges": {"wnd": [0, 1]}}, "unknown column in ranges 'wnd'; did you mean 'wind'?"),
        ({"maximum_null_share": {"Wind": 1}}, "unknown column in maximum_null_share 'Wind'; did you mean 'wind'?"),
        ({"unique": ["whenn"]}, "unknown column in unique 'whenn'; did you mean 'when'?"),
        ({"class_share": {"lat": [0, 1]}}, "unknown class in class_share 'lat'; did you mean 'late'?"),
        ({"class_share": {"?": [0, 1]}}, "unknown class in class_share '?'; known: on time, late"),
        ({"minimum_rows": "many"}, r"expectations: Expected `int`, got `str` - at `$.minimum_rows`"),
        ({"ranges": {"wind": [0]}}, "Expected `array` of length 2, got 1"),
        ({"ranges": {"wind": [5, 1]}}, "ranges of 'wind' is from 5.0 to 1.0, which no data can meet"),
        ({"maximum_null_share": {"wind": 5}}, "maximum_null_share of 'wind' is 5.0, not a share from 0 to 1"),
    ],
)
def test_a_mistaken_expectation_is_a_settings_error(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check(tmp_path, flights(), **settings)
    assert message in str(caught.value)


def test_the_expectations_are_the_settings_under_validate() -> None:
    """A step must not import the settings, so both describe them."""
    expected = {name: field.default for name, field in Validate.model_fields.items()}
    assert msgspec.structs.asdict(Expectations()) == expected


def test_the_index_of_the_data_does_not_matter(tmp_path: Path) -> None:
    frame = changed("origin", "XXX", [3]).iloc[::-1]
    (found,) = complaints(tmp_path, frame)
    assert "(row 996: 'XXX')" in found


def test_as_a_program_it_ends_with_the_errors_exit_code_and_leaves_the_report(tmp_path: Path) -> None:
    write_parquet(changed("origin", "XXX", [3]), tmp_path / "data.parquet")
    (tmp_path / "contract.json").write_bytes(encode_contract(FLIGHTS))
    options = {"data": "data.parquet", "contract": "contract.json", "target": "status", "time": "", "out": "out"}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    command = [sys.executable, str(RUN), *words, "--expectations", "{}"]
    root = {"PYTHONPATH": str(RUN.parents[2] / "src")}
    done = subprocess.run(command, check=False, cwd=tmp_path, env=os.environ | root, capture_output=True, text=True)
    assert done.returncode == ValidationError.exit_code
    assert done.stderr.startswith("validate: data.parquet failed 1 of ")
    assert json.loads((tmp_path / "out" / "validation.json").read_text())["ok"] is False
