"""Evaluate: a really fitted model of each task in, four files and the scores out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import Perceptron
from sklearn.metrics import accuracy_score, mean_absolute_error, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder
from threadpoolctl import threadpool_limits

from components.evaluate.run import evaluate
from slipway.contract.metrics import metrics_for
from slipway.contract.schema import Column, Contract, encode_contract, outputs_of
from slipway.errors import ContractError, DataError, SettingsError
from slipway.inference.skops_file import save_model
from slipway.steps.evaluate.chart_style import cut_to_width
from slipway.tables.data_frame import inputs_of, read_parquet, write_parquet

ROWS = 900
CLASSES: dict[str, tuple[str, ...]] = {
    "binary": ("on time", "late"),
    "multi-class": ("red", "green", "blue"),
    "regression": (),
}
INPUTS = (Column("wind", "double", True), Column("carrier", "string", True), Column("hour", "long"))


@dataclass(frozen=True)
class Case:
    """The files that evaluate reads, in a folder."""

    folder: Path
    contract: Contract
    model: Any
    holdout: pd.DataFrame

    def run(self, out: Path, **changes: Any) -> dict[str, float]:
        arguments: dict[str, Any] = {
            "model": self.folder / "model.skops",
            "holdout": self.folder / "holdout.parquet",
            "contract": self.folder / "contract.json",
            "target": "target",
            "time": "when",
            "block": "day",
            "slices": ["carrier", "hour"],
        }
        return evaluate(out, **arguments | changes)

    def holdout_with(self, out: Path, **columns: Any) -> Path:
        write_parquet(self.holdout.assign(**columns), out / "changed.parquet")
        return out / "changed.parquet"


def rows_for(classes: tuple[str, ...]) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    wind, carrier = generator.normal(size=2 * ROWS), generator.choice(["AA", "B6", "a|b <b>"], 2 * ROWS)
    signal = wind + 0.7 * (carrier == "AA") + generator.normal(size=2 * ROWS) / 2
    target: Any = 100 + 10 * signal
    if classes:
        ranks = np.searchsorted(np.quantile(signal, np.arange(1, len(classes)) / len(classes)), signal)
        target = np.array(classes, object)[ranks]
    known = pd.Series(carrier, dtype=object).where(generator.random(2 * ROWS) > 0.05, None)
    when = pd.date_range("2013-01-01", periods=2 * ROWS, freq="10min")
    hour = np.arange(2 * ROWS) % 24
    return pd.DataFrame({"when": when, "wind": wind, "carrier": known, "hour": hour, "target": target})


def fitted(estimator: Any, frame: pd.DataFrame, contract: Contract) -> Pipeline:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("strings", encoder, ["carrier"])], remainder="passthrough")
    model = Pipeline([("preprocess", columns), ("model", estimator)])
    return model.fit(inputs_of(frame, contract), frame["target"])


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of OpenMP that wait for one another make these small fits many times slower on a busy machine."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return {task: case_of(task, tmp_path_factory.mktemp(task)) for task in CLASSES}


def case_of(task: str, folder: Path) -> Case:
    classes, kind = CLASSES[task], "classification" if CLASSES[task] else "regression"
    contract = Contract("weather & flights", kind, INPUTS, outputs_of(kind, classes), classes)  # type: ignore[arg-type]
    frame = rows_for(classes)
    estimator = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = fitted(estimator(max_iter=15), frame[:ROWS], contract)
    save_model(model, folder / "model.skops")
    (folder / "contract.json").write_bytes(encode_contract(contract))
    write_parquet(frame[ROWS:], folder / "holdout.parquet")
    return Case(folder, contract, model, frame[ROWS:].reset_index(drop=True))


@pytest.fixture(scope="module")
def outputs(
    cases: dict[str, Case], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, dict[str, float]]]:
    made = {}
    for task, case in cases.items():
        out = tmp_path_factory.mktemp(f"out-{task}")
        made[task] = (out, case.run(out))
    return made


@pytest.fixture(params=list(CLASSES))
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_task_writes_all_files_and_scores_every_metric(
    task: str, cases: dict[str, Case], outputs: dict[str, tuple[Path, dict[str, float]]]
) -> None:
    out, scores = outputs[task]
    assert {path.name for path in out.iterdir()} == {
        "metrics.json",
        "predictions.parquet",
        "summary.md",
        "report.html",
    }
    assert tuple(scores) == metrics_for(cases[task].contract)
    assert np.isfinite(list(scores.values())).all()


def test_metrics_json_holds_each_score_with_an_interval_around_it(
    task: str, outputs: dict[str, tuple[Path, dict[str, float]]]
) -> None:
    out, scores = outputs[task]
    content = json.loads((out / "metrics.json").read_text())
    assert {name: entry["value"] for name, entry in content["metrics"].items()} == scores
    assert all(entry["low"] < entry["high"] for entry in content["metrics"].values())
    assert (content["rows"], content["block"], content["blocks"]) == (ROWS, "day", 7)


def test_the_scores_are_scikit_learns_on_the_same_model(
    cases: dict[str, Case], outputs: dict[str, tuple[Path, dict[str, float]]]
) -> None:
    binary, colours, number = (cases[task] for task in CLASSES)
    labels = colours.model.predict(inputs_of(colours.holdout, colours.contract))
    assert outputs["multi-class"][1]["accuracy"] == pytest.approx(accuracy_score(colours.holdout["target"], labels))
    guesses = number.model.predict(inputs_of(number.holdout, number.contract))
    assert outputs["regression"][1]["mae"] == pytest.approx(mean_absolute_error(number.holdout["target"], guesses))
    late = list(binary.model.classes_).index("late")
    chances = binary.model.predict_proba(inputs_of(binary.holdout, binary.contract))[:, late]
    assert outputs["binary"][1]["roc_auc"] == pytest.approx(roc_auc_score(binary.holdout["target"] == "late", chances))


def test_each_slice_is_scored_on_its_own_rows(
    cases: dict[str, Case], outputs: dict[str, tuple[Path, dict[str, float]]]
) -> None:
    out, _ = outputs["regression"]
    case, carriers = cases["regression"], json.loads((out / "metrics.json").read_text())["slices"]["carrier"]
    own = case.holdout[case.holdout["carrier"] == "AA"]
    guesses = case.model.predict(inputs_of(own, case.contract))
    assert carriers["AA"]["rows"] == len(own)
    assert carriers["AA"]["mae"] == pytest.approx(mean_absolute_error(own["target"], guesses))
    assert carriers["AA"]["low"] < carriers["AA"]["rmse"] < carriers["AA"]["high"]
    assert carriers["null"]["rows"] == case.holdout["carrier"].isna().sum()


def test_what_matters_is_found_and_what_does_not_is_near_zero(
    task: str, outputs: dict[str, tuple[Path, dict[str, float]]]
) -> None:
    importance = json.loads((outputs[task][0] / "metrics.json").read_text())["importance"]
    assert next(iter(importance)) == "wind"
    assert abs(importance["hour"]) < importance["carrier"] / 3 < importance["wind"]


def test_class_shares_and_the_positive_rate_are_told(
    cases: dict[str, Case], outputs: dict[str, tuple[Path, dict[str, float]]]
) -> None:
    binary = json.loads((outputs["binary"][0] / "metrics.json").read_text())
    late = (cases["binary"].holdout["target"] == "late").mean()
    assert binary["positive_rate"] == binary["class_shares"]["late"] == pytest.approx(late)
    assert "positive_rate" not in json.loads((outputs["regression"][0] / "metrics.json").read_text())


def test_predictions_hold_time_slices_truth_and_the_contracts_outputs(
    task: str, cases: dict[str, Case], outputs: dict[str, tuple[Path, dict[str, float]]]
) -> None:
    table, case = read_parquet(outputs[task][0] / "predictions.parquet"), cases[task]
    assert list(table.columns) == ["when", "carrier", "hour", "truth", *(c.name for c in case.contract.outputs)]
    assert table["truth"].tolist() == case.holdout["target"].tolist()
    answers = case.model.predict(inputs_of(case.holdout, case.contract))
    assert table["prediction"].tolist() == answers.tolist()


class Outside(HTMLParser):
    """Collects whatever would make a browser ask another place."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            local = not value or value.startswith("#") or name.startswith("xmlns")
            if name in ("src", "href", "xlink:href", "srcset", "action", "data") and not local:
                self.found.append(f"{tag} {name}={value}")
        if tag in ("script", "link", "iframe", "object", "base"):
            self.found.append(tag)


def test_the_report_needs_nothing_from_outside(task: str, outputs: dict[str, tuple[Path, dict[str, float]]]) -> None:
    page = (outputs[task][0] / "report.html").read_text()
    addresses = set(re.findall(r"https?://[^\"' <)]+", page))
    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    outside = Outside()
    outside.feed(page)
    assert outside.found == []
    assert "url(" not in re.sub(r"url\(#\w+\)", "", page)


CHARTS = {
    "binary": [
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "Predicted probabilities",
        "Confusion matrix",
        "ROC AUC by day",
    ],
    "multi-class": ["ROC curve", "Precision and recall", "Calibration", "Confusion matrix", "ROC AUC by carrier"],
    "regression": ["Predicted and true values", "Residuals", "Residuals by day", "RMSE by day", "RMSE by hour"],
}


def test_the_report_shows_the_tasks_charts_in_the_pages_own_colours(
    task: str, outputs: dict[str, tuple[Path, dict[str, float]]]
) -> None:
    page = (outputs[task][0] / "report.html").read_text()
    shown = re.findall(r'<svg [^>]*aria-label="([^"]*)"', page)
    assert {*CHARTS[task], "Permutation importance"} <= set(shown)
    assert "#0102" not in page and "<!--" not in page
    assert "weather &amp; flights" in page and "<b>" not in page


@pytest.mark.filterwarnings("error:Glyph", "error:Matplotlib currently")
def test_values_in_any_script_are_text_in_the_charts_without_a_warning(cases: dict[str, Case], tmp_path: Path) -> None:
    """The browser has fonts for them; matplotlib's own font would draw boxes, and it warned on the terminal."""
    names = ["日本航空", "대한항공", "الخطوط", "भारत", "AA"]
    holdout = cases["binary"].holdout_with(
        tmp_path, airline=np.array(names)[np.arange(len(cases["binary"].holdout)) % 5]
    )
    cases["binary"].run(tmp_path, holdout=holdout, slices=["airline"])
    page = (tmp_path / "report.html").read_text()
    assert all(f">{name}  (" in page for name in names)


def test_a_label_is_cut_by_its_width_so_that_wide_characters_do_not_leave_the_chart() -> None:
    assert cut_to_width("日本航空", 8) == "日本航空"
    assert cut_to_width("日本航空", 7) == "日本航"
    assert cut_to_width("on time", 8) == "on time"
    assert cut_to_width("cancelled", 8) == "cancelle"


def test_the_same_inputs_give_the_same_bytes(
    cases: dict[str, Case], outputs: dict[str, tuple[Path, dict[str, float]]], tmp_path: Path
) -> None:
    cases["binary"].run(tmp_path)
    for path in outputs["binary"][0].iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_the_summary_is_a_table_that_a_strange_value_cannot_break(
    outputs: dict[str, tuple[Path, dict[str, float]]],
) -> None:
    out, scores = outputs["binary"]
    summary = (out / "summary.md").read_text()
    assert f"| ROC AUC | {scores['roc_auc']:.3f} |" in summary
    assert "| a\\|b <b> |" in summary
    assert "complete blocks (7, by day)" in summary


def test_without_a_time_column_rows_are_the_blocks_and_there_are_no_days(
    cases: dict[str, Case], tmp_path: Path
) -> None:
    cases["regression"].run(tmp_path, time="", block="", slices=[])
    assert "over single rows" in (tmp_path / "summary.md").read_text()
    page = (tmp_path / "report.html").read_text()
    assert "by day" not in page and "By slice" not in page


def test_a_slice_of_many_values_shows_the_largest_thirty_and_says_so(cases: dict[str, Case], tmp_path: Path) -> None:
    tails = [f"N{number % 60 if number > 100 else 0}" for number in range(ROWS)]
    holdout = cases["regression"].holdout_with(tmp_path, tail=tails)
    cases["regression"].run(tmp_path, holdout=holdout, slices=["tail"])
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert len(content["slices"]["tail"]) == 30 and content["left_out"] == {"tail": 30}
    assert next(iter(content["slices"]["tail"])) == "N0"
    assert "The 30 largest of 60 values are shown." in (tmp_path / "report.html").read_text()
    assert "The 10 largest of 60 values." in (tmp_path / "summary.md").read_text()


def test_a_slice_with_one_class_has_no_score_and_no_interval(cases: dict[str, Case], tmp_path: Path) -> None:
    case = cases["binary"]
    storm = np.where(case.holdout["target"] == "late", "yes", "no")
    case.run(tmp_path, holdout=case.holdout_with(tmp_path, storm=storm), slices=["storm"])
    yes = json.loads((tmp_path / "metrics.json").read_text())["slices"]["storm"]["yes"]
    assert (yes["roc_auc"], yes["low"], yes["high"]) == (None, None, None)
    assert yes["accuracy"] > 0


def test_fourteen_classes_of_which_one_is_not_in_the_holdout_still_make_a_report(tmp_path: Path) -> None:
    classes = tuple(f"class {letter}" for letter in "abcdefghijklmn")
    frame = rows_for(classes)
    contract = Contract("many", "classification", INPUTS, outputs_of("classification", classes), classes)
    save_model(fitted(HistGradientBoostingClassifier(max_iter=2), frame[:ROWS], contract), tmp_path / "model.skops")
    (tmp_path / "contract.json").write_bytes(encode_contract(contract))
    seen = frame[ROWS:][frame[ROWS:]["target"] != "class c"].reset_index(drop=True)
    write_parquet(seen, tmp_path / "holdout.parquet")
    scores = Case(tmp_path, contract, None, seen).run(tmp_path)
    assert np.isnan(scores["roc_auc"]) and np.isfinite(scores["f1_macro"])
    page = (tmp_path / "report.html").read_text()
    assert "The 12 largest classes are shown." in page and "Shown: the first 6 classes, each against the rest." in page
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"]["roc_auc"]["value"] is None


def test_a_holdout_with_one_class_is_refused(cases: dict[str, Case], tmp_path: Path) -> None:
    holdout = cases["binary"].holdout_with(tmp_path, target="on time")
    with pytest.raises(DataError, match="the target has one class only: 'target' is 'on time' in all 900 holdout rows"):
        cases["binary"].run(tmp_path, holdout=holdout)


def test_an_empty_holdout_is_refused(cases: dict[str, Case], tmp_path: Path) -> None:
    write_parquet(cases["binary"].holdout[:0], tmp_path / "empty.parquet")
    with pytest.raises(DataError, match="the holdout has no rows"):
        cases["binary"].run(tmp_path, holdout=tmp_path / "empty.parquet")


def test_a_model_that_answers_nan_is_refused(cases: dict[str, Case], tmp_path: Path) -> None:
    case = cases["regression"]
    save_model(
        fitted(DummyRegressor(strategy="constant", constant=1.0), case.holdout, case.contract), tmp_path / "fine.skops"
    )
    broken = fitted(DummyRegressor(strategy="constant", constant=1.0), case.holdout, case.contract)
    broken.named_steps["model"].constant_[:] = np.nan
    save_model(broken, tmp_path / "broken.skops")
    assert case.run(tmp_path, model=tmp_path / "fine.skops")["mae"] > 0
    with pytest.raises(DataError, match="900 of 900 predictions are NaN or infinite"):
        case.run(tmp_path, model=tmp_path / "broken.skops")


def test_a_model_of_other_classes_or_without_probabilities_breaks_the_contract(
    cases: dict[str, Case], tmp_path: Path
) -> None:
    case = cases["binary"]
    with pytest.raises(ContractError, match="the model has the classes blue, green, red, but the contract has"):
        case.run(tmp_path, model=cases["multi-class"].folder / "model.skops")
    complete = case.holdout.assign(wind=case.holdout["wind"].fillna(0))
    save_model(fitted(Perceptron(), complete, case.contract), tmp_path / "hard.skops")
    with pytest.raises(ContractError, match="does not predict probabilities"):
        case.run(tmp_path, model=tmp_path / "hard.skops")


def test_a_null_target_is_refused(cases: dict[str, Case], tmp_path: Path) -> None:
    target = cases["binary"].holdout["target"].where(np.arange(ROWS) > 2, None)
    with pytest.raises(DataError, match="target 'target' is null in 3 of 900 holdout rows"):
        cases["binary"].run(tmp_path, holdout=cases["binary"].holdout_with(tmp_path, target=target))


def test_an_unknown_column_is_named(cases: dict[str, Case], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="slices: the holdout has no column 'carier'; did you mean 'carrier'?"):
        cases["binary"].run(tmp_path, slices=["carier"])
    with pytest.raises(DataError, match="the holdout has no column 'then'"):
        cases["binary"].run(tmp_path, time="then")
