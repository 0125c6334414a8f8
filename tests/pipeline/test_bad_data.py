"""Data that is wrong stops `slipway run` with an exit code of its own and a sentence that says what, and how much.

Each case differs by one edit from the project that passes.
"""

from __future__ import annotations

import ctypes
import gzip
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.fork_server import PROGRAM, ROOT, Ended, clean, slipway
from tests.support.orders_project import Edit, cut, data, function, orders, put, returned, setting, stored, unpinned
from tests.support.projects import files_of, runs, with_store

SETTINGS, DATA, CHANGED, CONTRACT, VALIDATION, COMPONENT = 3, 4, 5, 6, 7, 8
Case = tuple[Edit, int, list[str]]


def gzipped(rows: pd.DataFrame, file: Path) -> None:
    file.write_bytes(gzip.compress(rows.to_csv(index=False).encode()))


def zipped(rows: pd.DataFrame, file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("orders.csv", rows.to_csv(index=False))


def plain(rows: pd.DataFrame, file: Path) -> None:
    rows.to_csv(file, index=False)


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


FILES: dict[str, Case] = {
    "missing": (unpinned(Path.unlink), DATA, ["the data file", "orders.csv does not exist"]),
    "empty": (unpinned(lambda file: file.write_bytes(b"")), DATA, ["orders.csv is empty"]),
    "a folder": (unpinned(folder), DATA, ["orders.csv is a folder"]),
    "changed": (
        unpinned(lambda file: file.write_bytes(file.read_bytes() + b"\n")),
        CHANGED,
        ["orders.csv has changed: its SHA-256 is ", "but slipway.toml pins "],
    ),
    "cut short": (unpinned(cut), CHANGED, ["orders.csv has changed"]),
    "cut in a quoted text, and pinned": (
        stored("orders.csv", plain, lambda file: file.write_text('order,time\n1,"2013')),
        DATA,
        ["could not read its data files", "EOF inside string"],
    ),
    "cut in a row, and pinned": (
        stored("orders.csv", plain, lambda file: file.write_text(file.read_text()[:-30])),
        VALIDATION,
        ["Target 'returned' is null in 1 of 289 rows"],
    ),
    "gzip cut short, and pinned": (stored("orders.csv.gz", gzipped, cut), DATA, ["could not read its data files"]),
    "zip cut short, and pinned": (stored("orders.csv.zip", zipped, cut), DATA, ["not a zip file"]),
    "Parquet cut short, and pinned": (stored("orders.parquet", pd.DataFrame.to_parquet, cut), DATA, ["could not read"]),
    "not text, and pinned": (
        stored("orders.csv", plain, lambda file: file.write_bytes(file.read_bytes().replace(b"shop", b"sh\xff\xfe"))),
        DATA,
        ["can't decode byte 0xff"],
    ),
    "unknown scheme": (
        setting('uri = "orders.csv"', 'uri = "s4://bucket/orders.csv"'),
        SETTINGS,
        ["unknown scheme 's4' in s4://bucket/orders.csv; did you mean 's3'?"],
    ),
    "scheme without its package": (
        setting('uri = "orders.csv"', 'uri = "gdrive://orders.csv"'),
        SETTINGS,
        ["gdrive://orders.csv needs a Python package"],
    ),
    "unreachable": (
        setting('uri = "orders.csv"', 'uri = "memory://orders.csv"'),
        DATA,
        ["the data file memory://orders.csv cannot be read"],
    ),
    "no such package": (
        setting('uri = "orders.csv"', 'uri = "package://no_such_package/orders.csv"'),
        SETTINGS,
        ["the Python package 'no_such_package' is not installed"],
    ),
}
COLUMNS: dict[str, Case] = {
    "missing": (
        data(lambda rows: rows.drop(columns="amount")),
        DATA,
        ["the data has no column 'amount'; it has order, customer"],
    ),
    "renamed": (
        data(lambda rows: rows.rename(columns={"amount": "amuont"})),
        DATA,
        ["the data has no column 'amount' (did you mean 'amuont'?)"],
    ),
    "retyped to text": (
        data(put("amount", slice(5, 12), "dear")),
        CONTRACT,
        ["column 'amount': expected numbers (double), but 7 of 300 values", "row 5: 'dear'; row 6: 'dear'; row 7"],
    ),
    "retyped to fractions": (
        data(put("items", 4, 1.5)),
        CONTRACT,
        ["column 'items': expected integers (long), but 1 of 300 values", "row 4: 1.5"],
    ),
    "retyped to words": (
        data(lambda rows: rows.assign(member=np.where(rows.order % 2, "yes", "no"))),
        CONTRACT,
        [
            "column 'member': expected true or false (boolean), but 300 of 300 values",
            "row 2: 'no'; convert such words to true and false",
        ],
    ),
    "retyped to numbers": (
        data(lambda rows: rows.assign(region=rows.order)),
        CONTRACT,
        ["column 'region': expected a string, got 0"],
    ),
    "twice": (
        returned("__import__('pandas').concat([rows, rows[['items']]], axis=1)"),
        DATA,
        ["the data has 2 columns named 'items'"],
    ),
    "mixed": (
        returned("rows.assign(channel=rows.channel.astype(object).where(rows.order != 7, 7))"),
        DATA,
        ["column 'channel' mixes types (", "1 int", "row 7: 7"],
    ),
    "target missing": (
        data(lambda rows: rows.rename(columns={"returned": "returns"})),
        DATA,
        ["no column 'returned' (did you mean 'returns'?)"],
    ),
    "time missing": (
        data(lambda rows: rows.rename(columns={"time": "when"})),
        COMPONENT,
        ["component 'ingest' failed", "Missing column provided to 'parse_dates': 'time'", "its log is"],
    ),
    "needed by the function": (returned("rows.assign(late=rows['delay'])"), DATA, ["needs column 'delay'"]),
    "not among those to read": (
        function('parse_dates=["time"]', 'usecols=["delay"]'),
        DATA,
        ["Usecols do not match columns", "delay"],
    ),
}
VALUES: dict[str, Case] = {
    "one class": (
        data(lambda rows: rows.assign(returned="no")),
        VALIDATION,
        ["Target 'returned' has one class, 'no', in all 288 rows; at least two of no, yes are needed"],
    ),
    "an unknown class": (
        data(put("returned", slice(0, 4), "maybe")),
        VALIDATION,
        ["labels other than the contract's classes no, yes in 4 of 288 rows (row 0: 'maybe'; row 1: 'maybe'; row 2"],
    ),
    "a target that is null": (
        data(put("returned", slice(8, 10), None)),
        VALIDATION,
        ["Target 'returned' is null in 2 of 288 rows (row 8: None; row 9: None)"],
    ),
    "a column that is null throughout": (
        data(put("amount", slice(None), None)),
        VALIDATION,
        ["Column 'amount' is null in all 288 rows, so no model can learn from it"],
    ),
    "a null where the contract has none": (
        data(put("region", 3, None)),
        VALIDATION,
        ["Column 'region' is null in 1 of 288 rows, which the contract does not allow (row 3: None)"],
    ),
    "a value outside the contract's": (
        data(put("region", slice(0, 5), "north")),
        VALIDATION,
        [
            "'region' has values that the contract does not allow (allowed: east, west) in 5 of 288 rows",
            "row 0: 'north'",
        ],
    ),
    "infinite numbers": (
        data(put("amount", slice(1, 3), np.inf)),
        VALIDATION,
        ["Column 'amount' must contain finite numbers", "2 of 288 values", "row 1: inf; row 2: inf"],
    ),
    "a whole number that float64 lacks": (
        data(put("items", 6, 2**53 + 1)),
        VALIDATION,
        ["Column 'items' has integers of 2**53 or more in 1 of 288 rows", "row 6: 9007199254740993"],
    ),
    "a whole number beyond 64 bits": (
        returned("rows.assign(items=rows['items'].astype(object).where(rows.order != 2, 2**70))"),
        DATA,
        ["the data cannot be stored as Parquet"],
    ),
    "the text that stands for null": (
        returned("rows.assign(channel=rows.channel.where(rows.order != 3, '\\x00null'))"),
        VALIDATION,
        ["Column 'channel' contains '\\x00null', which represents null in the model, in 1 rows", "row 3"],
    ),
    "an expectation of a range": (
        setting("ranges = { items = [1, 9] }", "ranges = { items = [1, 8] }"),
        VALIDATION,
        ["'items' must be from 1 to 8, but is not in 32 of 288 rows (row 8: 9; row 17: 9; row 26: 9)"],
    ),
    "an expectation of rows": (
        setting("minimum_rows = 200", "minimum_rows = 301"),
        VALIDATION,
        ["data.parquet failed 1 of", "The data has 288 rows, but at least 301 are expected"],
    ),
    "an expectation of nulls": (
        setting("amount = 0.3", "amount = 0.01"),
        VALIDATION,
        ["Column 'amount' is null in 29 of 288 rows (10.07%), but at most 1.00% are expected (row 0: None; row 10"],
    ),
    "an expectation of classes": (
        setting("yes = [0.2, 0.8]", "yes = [0.9, 1.0]"),
        VALIDATION,
        ["Class 'yes' of target 'returned' is 4", "% of 288 rows, but from 90.00% to 100.00% is expected"],
    ),
    "an expectation of uniqueness": (
        data(put("order", slice(0, 3), 9)),
        VALIDATION,
        ["'order' must be unique, but 3 of 288 rows repeat an earlier row (row 1: 9; row 2: 9; row 9: 9)"],
    ),
}
DAYS: dict[str, Case] = {
    "all rows later than the pin's day": (
        setting("through = 2013-01-12", "through = 2012-12-31"),
        DATA,
        ["no row is left up to 2012-12-31: the first of 300 rows is from 2013-01-01 00:00:00"],
    ),
    "no row as late as the pin's day": (
        setting("through = 2013-01-12", "through = 2013-01-14"),
        DATA,
        ["data.through is 2013-01-14, but the last of 300 rows is from 2013-01-13 11:00:00"],
    ),
    "a time that is none": (
        data(put("time", slice(4, 6), "soon")),
        DATA,
        ["time column 'time' has 2 of 300 values that are not ISO 8601 times: row 4: 'soon'; row 5: 'soon'"],
    ),
    "a time that is null": (
        data(put("time", 9, None)),
        VALIDATION,
        ["Time column 'time' is null in 1 of 288 rows"],
    ),
    "an ambiguous time": (
        returned("rows.assign(time=rows.order)"),
        DATA,
        ["time column 'time' has type int64, which is ambiguous"],
    ),
}
FUNCTIONS: dict[str, Case] = {
    "no such file": (
        setting('"ingest.py:features"', '"injest.py:features"'),
        SETTINGS,
        ["data.function: the Python file", "injest.py does not exist"],
    ),
    "no such function": (
        setting('"ingest.py:features"', '"ingest.py:feature"'),
        SETTINGS,
        ["ingest.py has no function 'feature'; did you mean 'features'?"],
    ),
    "it raises": (
        returned("1 / 0"),
        COMPONENT,
        ["'ingest' failed", "ZeroDivisionError: division by zero", "its log is"],
    ),
    "it is no Python": (returned("("), COMPONENT, ["component 'ingest' failed", "SyntaxError", "its log is"]),
    "it returns no table": (
        returned("rows.to_dict()"),
        SETTINGS,
        ["ingest.py:features must return a pandas DataFrame, but returned dict"],
    ),
    "it returns no rows": (returned("rows[:0]"), DATA, ["the data has no rows"]),
}
SPLITS: dict[str, Case] = {
    "nothing to train": (
        setting('by = "hash"', 'by = "time"\nholdout_days = 40'),
        DATA,
        ["the split left 0 training rows and 288 holdout rows; both need at least one"],
    ),
    "no holdout": (
        setting("holdout_share = 0.3", "holdout_share = 1e-9"),
        DATA,
        ["the split left 288 training rows and 0 holdout rows"],
    ),
    "a group without a key": (
        setting('by = "hash"\nkey = ["order"]', 'by = "group"'),
        SETTINGS,
        ["split.by = 'group' needs split.key"],
    ),
}
BOOSTING = "sklearn.ensemble.HistGradientBoostingClassifier"
ESTIMATORS: dict[str, Case] = {
    "no such class": (
        setting(BOOSTING, BOOSTING.replace("Boosting", "Bosting")),
        SETTINGS,
        ["sklearn.ensemble has no 'HistGradientBostingClassifier'", f"did you mean '{BOOSTING}'?"],
    ),
    "no such module": (setting(BOOSTING, "sklearnn.Ridge"), SETTINGS, ["cannot import the module of 'sklearnn.Ridge'"]),
    "no module at all": (setting(BOOSTING, "Ridge"), SETTINGS, ["cannot import the module of 'Ridge'"]),
    "no estimator": (
        setting(BOOSTING, "collections.OrderedDict"),
        SETTINGS,
        ["is not a scikit-learn estimator"],
    ),
    "a function": (setting(BOOSTING, "sklearn.base.clone"), SETTINGS, ["is not a scikit-learn estimator"]),
    "a transformer": (
        setting(BOOSTING, "sklearn.preprocessing.StandardScaler"),
        SETTINGS,
        ["'sklearn.preprocessing.StandardScaler' is not an estimator for classification"],
    ),
    "one for another task": (
        setting(BOOSTING, "sklearn.linear_model.Ridge"),
        SETTINGS,
        ["'sklearn.linear_model.Ridge' is not an estimator for classification"],
    ),
    "one that needs another": (
        setting(BOOSTING, "sklearn.ensemble.VotingClassifier"),
        SETTINGS,
        ["requires estimators, which settings cannot provide"],
    ),
    "a parameter that it lacks": (
        setting("max_iter = 5", "max_itre = 5"),
        SETTINGS,
        ["train.parameters (HistGradientBoostingClassifier): unknown 'max_itre'; did you mean 'max_iter'?"],
    ),
    "a parameter's wrong value": (
        setting("max_iter = 5", 'max_iter = "five"'),
        SETTINGS,
        ["train.parameters: The 'max_iter' parameter of HistGradientBoostingClassifier must be an int", "Got 'five'"],
    ),
}
GROUPS = {
    "file": FILES, "column": COLUMNS, "values": VALUES, "days": DAYS, "function": FUNCTIONS, "split": SPLITS,
    "estimator": ESTIMATORS,
}  # fmt: skip
CASES = {f"{group}: {name}": case for group, cases in GROUPS.items() for name, case in cases.items()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The passing project, with a store of its own that all cases share."""
    return with_store(orders(tmp_path_factory.mktemp("orders")))


@pytest.fixture
def project(place: Path) -> Iterator[Path]:
    """The passing project, which is mended after each case."""
    yield place
    for path in place.parent.iterdir():
        if not path.name.startswith("ml"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    orders(place.parent)


def run(project: Path, temporary: Path) -> Ended:
    return slipway(project, "run", TMPDIR=str(temporary))


def test_the_twin_that_differs_by_one_edit_passes(project: Path, tmp_path: Path) -> None:
    done = run(project, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("candidate runs:/")


@pytest.mark.parametrize("name", ["orders.csv.gz", "orders.csv.zip", "orders.parquet"])
def test_the_twins_in_other_formats_pass(project: Path, tmp_path: Path, name: str) -> None:
    write = {"gz": gzipped, "zip": zipped, "parquet": pd.DataFrame.to_parquet}[name.rpartition(".")[2]]
    stored(name, write, lambda file: None)(project)
    assert run(project, tmp_path).returncode == 0


def test_a_file_that_may_not_be_read_is_named(place: Path) -> None:
    file = place.parent / "orders.csv"
    file.chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "run", "--settings", str(place)],
        env=clean(PYTHONPATH=str(ROOT / "src")),
        preexec_fn=without_the_powers_of_root,
        capture_output=True,
        text=True,
    )
    file.chmod(0o644)
    assert done.returncode == DATA, done.stderr
    assert "orders.csv cannot be read: Permission denied; no candidate was created" in done.stderr


def without_the_powers_of_root() -> None:
    """Whoever root is after this may read only what its permissions let it read: CAP_DAC_OVERRIDE, _READ_SEARCH."""
    for power in (1, 2) if os.getuid() == 0 else ():
        assert ctypes.CDLL(None).prctl(24, power, 0, 0, 0) == 0


@pytest.mark.parametrize(("change", "code", "said"), CASES.values(), ids=CASES)
def test_it_is_refused_by_its_own_code_and_sentence_and_nothing_is_half_written(
    project: Path, tmp_path: Path, change: Edit, code: int, said: list[str]
) -> None:
    change(project)
    before = {path.name for path in project.parent.iterdir()} | {"mlflow.db", "mlartifacts", "__pycache__"}
    done = run(project, tmp_path)
    assert done.returncode == code, done.stderr
    for part in said:
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert code == COMPONENT or "o candidate was created" in done.stderr
    assert (done.stdout, {path.name for path in project.parent.iterdir()} <= before) == ("", True)
    assert {path.name for path in tmp_path.iterdir()} <= {".ses"}
    assert runs(project, "attributes.status = 'RUNNING'") == []
    failed = [run for run in runs(project, "attributes.status = 'FAILED'") if "slipway.step" in run.data.tags]
    assert {path.suffix for path in files_of(failed[0]).iterdir()} == {".log"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ranges = { items", "ranges = { itmes", "validate.ranges: the data has no column 'itmes'; did you mean 'items'?"),
        ("maximum_null_share = { amount", "maximum_null_share = { amuont",
         "validate.maximum_null_share: the data has no column 'amuont'; did you mean 'amount'?"),
        ('unique = ["order"]', 'unique = ["ordr"]', "validate.unique: the data has no column 'ordr'; did you mean 'order'?"),
        ('key = ["order"]', 'key = ["custmer"]', "split.key: the data has no column 'custmer'; did you mean 'customer'?"),
        ('block = "day"', 'block = "day"\nslices = ["?"]', "gate.slices: the data has no column '?'; it has order,"),
        ('block = "day"', 'block = "day"\nslice_minimum = { regoin = { accuracy = 0.1 } }',
         "gate.slice_minimum: the data has no column 'regoin'; did you mean 'region'?"),
        ('block = "day"', 'block = "day"\n[evaluate]\nslices = ["regoin"]',
         "evaluate.slices: the data has no column 'regoin'; did you mean 'region'?"),
    ],
)  # fmt: skip
def test_a_setting_for_a_column_that_the_data_lacks_is_refused_right_after_ingest_with_its_line(
    project: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    setting(old, new)(project)
    changed = new.splitlines()[-1]
    (line,) = [number for number, text in enumerate(project.read_text().splitlines(), 1) if changed in text]
    done = run(project, tmp_path)
    assert (done.returncode, done.stdout) == (SETTINGS, "")
    assert f"slipway: slipway.toml:{line}: {said}" in done.stderr
    assert "o candidate was created" in done.stderr
    assert runs(project, "attributes.status = 'RUNNING'") == []
    assert "split  " not in done.stderr


def test_a_column_given_by_set_that_the_data_lacks_is_not_blamed_on_the_file(project: Path, tmp_path: Path) -> None:
    done = slipway(project, "run", "--set", 'evaluate.slices=["regoin"]', TMPDIR=str(tmp_path))
    assert done.returncode == SETTINGS
    assert "slipway: --set: evaluate.slices: the data has no column 'regoin'; did you mean 'region'?" in done.stderr
