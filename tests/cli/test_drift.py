"""What `slipway drift` prints, writes and returns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slipway.drift.report import read_report
from slipway.errors import DataError, DriftError, NotFoundError, SettingsError
from tests.support.drifting_rows import SETTINGS, days, joined, predicted, project, written
from tests.support.fork_server import slipway
from tests.support.projects import edit

CALM = days(14, start="2013-10-01", seed=1)
MOVED = days(14, start="2013-10-01", seed=1, shift=3.0)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    made = project(folder, days())
    written(folder / "calm.parquet", CALM, truth=predicted(CALM)["prediction"])
    written(folder / "moved.parquet", MOVED, truth=predicted(CALM)["prediction"])
    written(folder / "september.parquet", days())
    return made


def test_the_exit_code_is_0_without_drift_and_its_own_with(settings: Path) -> None:
    done = slipway(settings, "drift", "calm.parquet")
    # A slow machine prints a heartbeat, and nothing else.
    assert (done.returncode, re.sub(r"drift: running for .*\n", "", done.stderr)) == (0, "")
    assert done.stdout.startswith("840 rows from 2013-10-01 to 2013-10-14, compared with 1,800 rows of release 1.2.3\n")
    assert "no drift (all rows compared at once; false-alarm rate 1 %)" in done.stdout
    done = slipway(settings, "drift", "moved.parquet")
    assert done.returncode == DriftError.exit_code
    assert re.search(r"^distance +DRIFT +\d+\.\d{3} +0\.\d{3} +\d\.\d{3} +0\.0\d{3} ", done.stdout, re.MULTILINE)
    assert re.search(
        r"^slipway: \d of 8 columns drifted from release 1\.2\.3 \(all rows compared at once\), most of all '\w+' with",
        done.stderr,
    )


def test_machines_get_everything_a_person_is_told(settings: Path) -> None:
    done = slipway(settings, "drift", ".slipway/target/current", "moved.parquet", "--json")
    told = done.told
    assert (done.returncode, told["drifted"], told["release"], told["false_alarm_rate"]) == (21, True, "1.2.3", 0.01)
    (distance,) = [f for f in told["windows"][0]["findings"] if f["column"] == "distance"]
    assert distance["drifted"] and sum(one["now"] for one in distance["bins"]) == pytest.approx(1)


def test_parquet_can_be_the_reference(settings: Path) -> None:
    assert slipway(settings, "drift", "september.parquet", "calm.parquet").returncode == 0
    done = slipway(settings, "drift", "september.parquet", "moved.parquet")
    assert done.returncode == 21
    assert (
        "1 of 4 columns drifted from september.parquet (all rows compared at once), most of all 'distance'"
        in done.stderr
    )


def test_windows_and_the_rule_come_from_the_settings_or_from_the_command(settings: Path) -> None:
    written(settings.parent / "late.parquet", joined(CALM, days(7, start="2013-10-15", seed=5, shift=3.0)))
    done = slipway(settings, "drift", "late.parquet", "--windows")
    assert done.returncode == 0
    assert (
        "2013-10-15 to 2013-10-21, 420 rows: drift in " in done.stdout
        and "2013-10-08 to 2013-10-14, 420 rows: no drift" in done.stdout
    )
    assert "no drift (2 of the last 3 windows of 7 days, including the newest; false-alarm rate 1 %)" in done.stdout
    assert slipway(settings, "drift", "late.parquet", "--window-rule", "1/3").returncode == 21
    for rule in ("3/2", "two", "0/2"):
        done = slipway(settings, "drift", "late.parquet", "--window-rule", rule)
        assert done.returncode == SettingsError.exit_code and f"not '{rule}'" in done.stderr


def test_a_live_metric_below_its_minimum_is_drift(settings: Path) -> None:
    done = slipway(settings, "drift", "calm.parquet", "--label", "truth")
    assert done.returncode == 0
    assert "The live metric covers 840 rows with labels:" in done.stdout
    assert re.search(r"^floor\.accuracy +0\.9 +1\.000 +1\.000 to 1\.000 +met$", done.stdout, re.MULTILINE)
    truth = predicted(CALM)["prediction"].copy()
    truth[::4] = "early"
    written(settings.parent / "wrong.parquet", CALM, truth=truth)
    done = slipway(settings, "drift", "wrong.parquet", "--label", "truth")
    assert done.returncode == 21
    assert re.search(r"slipway: floor\.accuracy requires 0\.9, but the live metric is 0\.7\d\d", done.stderr)


def test_labels_can_be_in_a_separate_file(settings: Path) -> None:
    folder = settings.parent
    keys = [f"flight {n}" for n in range(len(CALM["tail"]))]
    written(folder / "keyed.parquet", CALM, flight=keys)
    written(folder / "outcomes.parquet", {"flight": keys, "truth": predicted(CALM)["prediction"]})
    told = ("--labels-file", "outcomes.parquet", "--key", "flight")
    done = slipway(settings, "drift", "keyed.parquet", "--label", "truth", *told)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^floor\.accuracy +0\.9 +1\.000", done.stdout, re.MULTILINE)
    done = slipway(settings, "drift", "keyed.parquet", *told)
    assert done.returncode == SettingsError.exit_code and "--labels-file outcomes.parquet needs --label" in done.stderr


def test_the_page_needs_nothing_from_outside_and_shows_every_column(settings: Path) -> None:
    slipway(settings, "drift", "moved.parquet", "--window-rule", "1/2", "--html", "drift.html")
    page = (settings.parent / "drift.html").read_text()
    assert not re.search(r"(src|href)=|url\(|<script|@import", page)
    assert "<title>Drift of flights</title>" in page and "Content-Security-Policy" in page
    assert page.count("<figure>") == 8 + 1
    assert page.count("<svg") == page.count("</svg>") == 9
    for column in ("distance", "seats", "carrier", "tail", "probability_late"):
        assert f"<h3>{column}</h3>" in page and f"<td>{column}</td>" in page


def test_a_hostile_name_stays_text(settings: Path, tmp_path: Path) -> None:
    tails = CALM["tail"].copy()
    tails[:] = '<img src="x">|'
    written(settings.parent / "x.parquet", {**CALM, "tail": tails})
    slipway(settings, "drift", "x.parquet", "calm.parquet", "--html", str(tmp_path / "x.html"))
    page = (tmp_path / "x.html").read_text()
    assert "&lt;img src=" in page and "<img" not in page


def test_the_report_is_left_for_the_issue_also_when_it_drifts(settings: Path, tmp_path: Path) -> None:
    assert slipway(settings, "drift", "moved.parquet", "--report", str(tmp_path / "report")).returncode == 21
    assert read_report(tmp_path / "report").drifted
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"drift.json", "drift.html"}
    with pytest.raises(NotFoundError, match="`slipway drift CURRENT --report .*` writes it"):
        read_report(tmp_path)
    (tmp_path / "drift.json").write_text("{}")
    with pytest.raises(DataError, match="is malformed"):
        read_report(tmp_path)


def test_the_bar_comes_from_the_settings(tmp_path: Path) -> None:
    settings = project(tmp_path, days())
    written(tmp_path / "moved.parquet", MOVED)
    edit(settings, "[train]", "[drift]\nminimum_effect = 50\n[train]")
    assert slipway(settings, "drift", "moved.parquet").returncode == 0
    edit(settings, "minimum_effect = 50", "k = 3\nn = 2")
    done = slipway(settings, "drift", "moved.parquet")
    assert done.returncode == 3 and "drift.k is 3, which is more than drift.n = 2 windows" in done.stderr
    assert SETTINGS.count("[drift]") == 0


def test_what_cannot_be_compared_is_refused(settings: Path) -> None:
    done = slipway(settings, "drift", "a", "b", "c")
    assert done.returncode == 3 and "expected at most one REFERENCE and one CURRENT, got a, b, c" in done.stderr
    assert slipway(settings, "drift", "nowhere.parquet").returncode == DataError.exit_code


@pytest.mark.parametrize(
    ("old", "new"), [("--truth", "--label"), ("--truth-file", "--labels-file"), ("--rule", "--window-rule")]
)
def test_a_former_option_is_refused_with_its_new_name(settings: Path, old: str, new: str) -> None:
    done = slipway(settings, "drift", "calm.parquet", old, "truth")
    assert done.returncode == 2
    assert f"`{old}` is now `{new}`" in done.stderr
