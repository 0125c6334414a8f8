"""`slipway predict` takes a row in each form, prints it for people or for machines, and names what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from slipway.cli.main import slipway
from slipway.commands.predict.given_rows import read_rows
from slipway.contract.schema import Column, Contract, outputs_of
from slipway.errors import ContractError, DataError, SettingsError, SlipwayError
from tests.support.bundles import GOLDEN, answers, make_bundle

ROW = {"distance": 0.5, "seats": 100, "carrier": "AA", "tail": "N1"}
TWO = [ROW, {"distance": 3, "carrier": "00123"}]
PEOPLE = """\
prediction  late (83.6 %)   release 1.2.3
input       distance  0.5
            seats     100
            carrier   AA
            tail      N1
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("releases"), "1.2.3+gdcefae7")


def predict(bundle: Path, *rows: str, stdin: str = "") -> Result:
    return CliRunner().invoke(slipway, ["predict", "--bundle", str(bundle), *rows], input=stdin)


def as_json(bundle: Path, *rows: str, stdin: str = "") -> Any:
    done = predict(bundle, *rows, "--json", stdin=stdin)
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def refusal(bundle: Path, *rows: str, stdin: str = "") -> SlipwayError:
    error = predict(bundle, *rows, stdin=stdin).exception
    assert isinstance(error, SlipwayError), error
    return error


def probabilities(*rows: dict[str, Any]) -> list[list[float]]:
    columns = {name: [row.get(name) for row in rows] for name in GOLDEN}
    return [pytest.approx(row) for row in answers(columns).tolist()]


def test_without_a_row_the_first_golden_row_is_predicted(bundle: Path) -> None:
    assert predict(bundle).stdout == PEOPLE
    (expected,) = probabilities(ROW)
    told = as_json(bundle)
    assert told["probabilities"] == dict(zip(("late", "early", "on time"), told["prediction"], strict=True))
    assert {name: told[name] for name in told if name != "probabilities"} == {
        "release": "1.2.3+gdcefae7", "inputs": ROW, "prediction": expected, "label": "late",
    }  # fmt: skip


def test_a_row_can_be_json_or_pairs(bundle: Path) -> None:
    text = json.dumps(ROW)
    pairs = [f"{name}={value}" for name, value in ROW.items()]
    for done in (predict(bundle, text), predict(bundle, "-", stdin=text), predict(bundle, *pairs)):
        assert done.stdout == PEOPLE


def test_values_of_pairs_have_the_types_of_the_contract_and_an_empty_one_is_null(bundle: Path) -> None:
    told = as_json(bundle, "distance=2", "carrier=00123", "seats=", "tail=")
    row = {"distance": 2.0, "seats": None, "carrier": "00123", "tail": None}
    assert (told["inputs"], told["prediction"]) == (row, probabilities(row)[0])
    assert predict(bundle, "distance=2", "carrier=00123").stdout.endswith(
        "carrier   00123\n            tail      null\n"
    )


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.csv", "rows.parquet", "-", "[]"])
def test_several_rows_come_from_a_file_a_list_or_lines(bundle: Path, tmp_path: Path, name: str) -> None:
    texts = {
        "rows.json": json.dumps(TWO),
        "rows.jsonl": "\n".join(map(json.dumps, TWO)) + "\n",
        "rows.csv": "distance,seats,carrier,tail\n0.5,100,AA,N1\n3,,00123,\n",
    }
    argument, stdin = str(tmp_path / name), ""
    if name in texts:
        (tmp_path / name).write_text(texts[name])
    elif name == "rows.parquet":
        pq.write_table(pa.Table.from_pylist(TWO), tmp_path / name)
    else:
        argument, stdin = (name, texts["rows.jsonl"]) if name == "-" else (texts["rows.json"], "")
    told = as_json(bundle, argument, stdin=stdin)
    assert [row["prediction"] for row in told] == probabilities(*TWO)
    assert told[1]["inputs"] == {"distance": 3.0, "seats": None, "carrier": "00123", "tail": None}
    lines = predict(bundle, argument, stdin=stdin).stdout.splitlines()
    assert lines == ["release     1.2.3", "row 0       late (83.6 %)", "row 1       late (86.2 %)"]


def test_a_body_for_the_server_is_taken_too(bundle: Path) -> None:
    (told,) = as_json(bundle, json.dumps({"dataframe_records": [ROW]}))
    assert told["prediction"] == probabilities(ROW)[0]


def test_a_regression_is_a_number_with_its_outputs_name(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, task="regression")
    assert predict(bundle).stdout.startswith("prediction  2.25   release 1.2.3\n")
    assert as_json(bundle).keys() == {"release", "inputs", "prediction"}
    assert as_json(bundle)["prediction"] == pytest.approx(2.25)


@pytest.mark.parametrize("arguments", [["predict", "--bundle"], ["verify"]])
def test_a_slow_model_is_reported_on_stderr(
    bundle: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slipway.reporting.progress.FIRST_HEARTBEAT", 0.0)
    done = CliRunner().invoke(slipway, [*arguments, str(bundle)])
    assert done.exit_code == 0
    assert f"{arguments[0]}: running for 0 s\n" in done.stderr
    assert "running" not in done.stdout


@pytest.mark.parametrize("rows", [["distance=1", "carier=AA"], ['{"distance": 1, "carier": "AA"}']])
def test_both_the_unknown_and_the_missing_column_are_named(bundle: Path, rows: list[str]) -> None:
    error = refusal(bundle, *rows)
    assert isinstance(error, ContractError)
    assert str(error) == (
        "the columns do not match the contract of 'flights': unknown column 'carier' (did you mean 'carrier'?); "
        "missing column 'carrier'"
    )


def test_an_unknown_nullable_column_is_an_error_in_pairs_and_reported_in_json(bundle: Path) -> None:
    assert str(refusal(bundle, "distance=1", "carrier=AA", "seat=3", "id=7")).endswith(
        ": unknown columns 'seat' (did you mean 'seats'?), 'id'"
    )
    done = predict(bundle, '{"distance": 1, "carrier": "AA", "seat": 3, "id": 7}')
    assert done.exit_code == 0
    assert done.stderr == "ignored columns that are not in the contract: 'seat' (did you mean 'seats'?), 'id'\n"


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        (["distance=far", "carrier=AA"], ContractError, "row 0, column 'distance': "),
        (["distance=1", "carrier=ZZ"], ContractError, "row 0, column 'carrier': "),
        (["distance=1", "distance=2", "carrier=AA"], ContractError, "column 'distance' appears 2 times"),
        (["distance=1", "AA"], SettingsError, "expected column=value pairs, one JSON text or one file, got 'AA'"),
        (["[]"], DataError, "the argument has no rows"),
        (["[1]"], DataError, "the argument must be a JSON object or a list of objects, one per row"),
        (['{"distance": '], DataError, "the argument is not valid JSON: "),
        (["-"], DataError, "stdin is not valid JSON: "),
        (["nofile"], DataError, "nofile: no such file"),
        (["pyproject.toml"], SettingsError, "pyproject.toml must end in .json, .jsonl, .ndjson, .csv or .parquet"),
    ],
)
def test_what_cannot_be_predicted_is_named(
    bundle: Path, rows: list[str], kind: type[SlipwayError], message: str
) -> None:
    error = refusal(bundle, *rows)
    assert type(error) is kind
    assert str(error).startswith(message)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "many.csv",
            "distance,carrier\n" + "1,AA\n" * 101,
            "has 101 rows, but 100 is the limit; use `slipway batch IN OUT`",
        ),
        ("bad.csv", 'distance,carrier\n1,"AA', "the body is not CSV in UTF-8"),
        ("bad.jsonl", '{"distance": 1}\n{"distance": ', "is not valid JSON or JSON Lines: "),
        ("bad.parquet", "distance,carrier\n1,AA\n", "cannot be read as Parquet: "),
        (
            "large.csv",
            "x" * ((10 << 20) + 1),
            "has 10,485,761 bytes, but 10,485,760 is the limit; use `slipway batch IN OUT`",
        ),
    ],
)
def test_a_file_that_cannot_be_predicted_is_named(
    bundle: Path, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    error = str(refusal(bundle, str(tmp_path / name)))
    assert error.startswith(str(tmp_path / name))
    assert message in error


def test_a_columns_name_can_have_an_equals_sign() -> None:
    columns = (Column("a", "string"), Column("a=b", "string"))
    scorer: Any = SimpleNamespace(contract=Contract("odd", "regression", columns, outputs_of("regression", ())))
    given = read_rows(["a=b=c", "a=x"], scorer, lambda: b"")
    assert {name: values.tolist() for name, values in given.columns.items()} == {"a=b": ["c"], "a": ["x"]}
