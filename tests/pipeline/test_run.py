"""The pipeline on small real data: what it makes, what it reuses and how it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.contract.schema import encode_contract
from slipway.settings.settings import load_settings
from tests.support.fork_server import ROOT, slipway
from tests.support.projects import diabetes, wine, with_store


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = diabetes(tmp_path_factory.mktemp("diabetes"))
    done = slipway(project, "run", "--json")
    assert done.returncode == 0, done.stderr
    assert done.told["scores"]["r2"] > 0.2
    return project


def test_a_second_run_takes_every_step_from_the_cache(ran: Path) -> None:
    steps = slipway(ran, "run", "--json").told["steps"]
    assert [step["name"] for step in steps] == ["ingest", "validate", "split", "train", "evaluate", "package"]
    assert all(step["cached"] for step in steps)


def test_another_parameter_runs_training_again_and_nothing_before_it(ran: Path) -> None:
    steps = slipway(ran, "run", "--json", "--set", "train.alpha=0.5").told["steps"]
    assert {step["name"]: step["cached"] for step in steps} == {
        "ingest": True, "validate": True, "split": True, "train": False, "evaluate": False, "package": False,
    }  # fmt: skip


def test_no_cache_runs_everything(ran: Path) -> None:
    steps = slipway(ran, "run", "--json", "--no-cache").told["steps"]
    assert not any(step["cached"] for step in steps)


def test_changed_bytes_are_refused_even_when_the_cache_knows_the_pin(tmp_path: Path) -> None:
    project = with_store(diabetes(tmp_path / "p"))
    assert slipway(project, "run").returncode == 0
    with (project.parent / "diabetes.csv").open("a") as file:
        file.write("0,0,0,0,0,0,0,0,0,0,1\n")
    refused = slipway(project, "run")
    assert refused.returncode == 5
    assert "has changed: its SHA-256 is" in refused.stderr


@pytest.mark.parametrize(("content", "said"), [(None, "does not exist"), (b"", "is empty")])
def test_a_missing_or_empty_file_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    project = with_store(diabetes(tmp_path / "p"))
    data = project.parent / "diabetes.csv"
    data.unlink()
    if content is not None:
        data.write_bytes(content)
    refused = slipway(project, "run")
    assert refused.returncode == 4
    assert said in refused.stderr
    assert "diabetes.csv" in refused.stderr


def test_a_component_that_raises_is_named_with_its_log(tmp_path: Path) -> None:
    project = with_store(diabetes(tmp_path / "p"))
    (project.parent / "ingest.py").write_text("def features(files):\n    return 1 / 0\n")
    refused = slipway(project, "run")
    assert refused.returncode == 8
    assert "component 'ingest' failed" in refused.stderr
    assert "ZeroDivisionError" in Path(refused.stderr.strip().rpartition(" ")[2]).read_text()


def test_an_estimator_parameter_that_does_not_exist_is_refused_with_a_suggestion(ran: Path) -> None:
    refused = slipway(ran, "run", "--set", "train.alhpa=1")
    assert refused.returncode == 3
    assert "did you mean 'alpha'" in refused.stderr


def test_a_contract_that_differs_from_the_settings_is_refused_by_column(tmp_path: Path) -> None:
    project = with_store(diabetes(tmp_path / "p"))
    project.write_text(project.read_text().replace("\"bmi\" = 'double'", "\"bmi\" = 'long'"))
    refused = slipway(project, "run")
    assert refused.returncode == 6
    assert "column 'bmi'" in refused.stderr


def test_contract_write_makes_what_the_settings_describe(tmp_path: Path) -> None:
    project = wine(tmp_path / "p")
    (project.parent / "contract.json").unlink()
    assert slipway(project, "contract", "write").returncode == 0
    assert (project.parent / "contract.json").read_bytes() == encode_contract(load_settings(project).contract)


def test_three_classes_run_with_settings_contract_and_ingest_function_of_their_own(tmp_path: Path) -> None:
    done = slipway(with_store(wine(tmp_path / "p")), "run", "--json")
    assert done.returncode == 0, done.stderr
    assert done.told["scores"]["roc_auc"] > 0.9


def test_components_let_waiting_threads_sleep(tmp_path: Path) -> None:
    project = with_store(diabetes(tmp_path / "p"))
    ingest = project.with_name("ingest.py")
    ingest.write_text(f"import os\nassert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'\n{ingest.read_text()}")
    assert slipway(project, "run").returncode == 0


def test_a_script_without_the_function_that_wires_the_steps_is_refused(tmp_path: Path) -> None:
    settings = with_store(diabetes(tmp_path / "p"))
    script = settings.parent / "pipeline" / "run.py"
    script.parent.mkdir()
    script.write_text("def step() -> None: ...\n")
    refused = slipway(settings, "run")
    assert refused.returncode == 3
    assert f"slipway: {script} has no function 'steps', which must wire the steps of the pipeline" in refused.stderr


def test_a_project_may_wire_its_steps_in_another_way(tmp_path: Path) -> None:
    """The root's script with a step skipped: nobody validates here."""
    settings = with_store(diabetes(tmp_path / "p"))
    script = settings.parent / "pipeline" / "run.py"
    script.parent.mkdir()
    text = (ROOT / "pipeline" / "run.py").read_text()
    start, end = text.index("    _, split = flow.run_in_parallel("), text.index("    trained, holdout")
    script.write_text(
        text[:start]
        + '    split = flow.step("split", data=rows, target=target, by="hash", holdout_share=0.3)\n'
        + text[end:]
    )
    done = slipway(settings, "run", "--json")
    assert done.returncode == 0, done.stderr
    assert [step["name"] for step in done.told["steps"]] == [
        "ingest",
        "split",
        "train",
        "evaluate",
        "package",
    ]
