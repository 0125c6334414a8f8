"""Nothing in the documentation is stale: commands, options, targets, links, files and settings are the real ones."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
import pytest
from filelock import FileLock

from slipway.cli.main import slipway
from slipway.settings.settings import Settings
from tests.support.documents import DOCUMENTS, ROOT, Command, anchors, commands, links, slipway_calls, spans, tables
from tests.support.flights import Flights
from tests.support.git_repositories import git
from tests.support.new_projects import copy_of_new
from tests.support.projects import edit
from tests.support.walkthrough import PAGES, Step, follow, mask, shell_in

REFERENCE = ROOT / "docs/reference.md"
NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", Path: "path"}
CALLS = [(d.name, call) for d in DOCUMENTS for command in commands(d) for call in slipway_calls(command.text)]
MENTIONS = [
    (document.name, span)
    for document in DOCUMENTS
    for span in spans(document)
    if re.match(r"(\S+=\S+ )*\S*slipway ", span)
]
LINKS = [(d, link) for d in DOCUMENTS for link in links(d) if not re.match(r"\w+:", link)]


def found(arguments: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these arguments name, and what is left for it."""
    command: click.Command = slipway
    while isinstance(command, click.Group) and arguments and arguments[0] in command.commands:
        command, arguments = command.commands[arguments[0]], arguments[1:]
    return command, arguments


def parse(arguments: list[str]) -> None:
    """Let click read the arguments as it would when the command is called, without calling it."""
    command, left = found(arguments)
    assert not isinstance(command, click.Group) or left in ([], ["--help"]), f"there is no slipway {arguments}"
    if left != ["--help"]:
        # The settings of the group, since click keeps the help option that it makes first.
        command.make_context(command.name, left, **slipway.context_settings)


@pytest.mark.parametrize(("document", "arguments"), CALLS, ids=lambda v: " ".join(v) if isinstance(v, list) else v)
def test_a_command_that_the_documentation_gives_can_be_given(document: str, arguments: list[str]) -> None:
    parse(arguments)


@pytest.mark.parametrize(("document", "span"), MENTIONS, ids=str)
def test_a_command_that_a_sentence_mentions_exists_with_these_options(document: str, span: str) -> None:
    for arguments in slipway_calls(span):
        if arguments[:1] == ["COMMAND"]:
            continue
        try:
            parse(arguments)
        except click.MissingParameter:
            assert found(arguments)[1] == [], span


def test_a_request_right_after_a_server_was_started_waits_for_it() -> None:
    """A reader who pastes both lines at once would otherwise be told that nobody listens."""
    pairs = [pair for document in DOCUMENTS for pair in pairwise(command.text for command in commands(document))]
    requests = [then for first, then in pairs if first.partition("  #")[0].rstrip().endswith("&") and "curl" in then]
    assert len(requests) >= 2
    assert [text for text in requests if "curl -s --retry 10 --retry-connrefused " not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_every_make_target_exists(document: Path) -> None:
    makefiles = (ROOT / "Makefile").read_text() + (ROOT / "src" / "library.mk").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefiles, re.MULTILINE))
    said = [command.text for command in commands(document)] + list(spans(document))
    assert {words[1] for line in said if (words := line.split())[:1] == ["make"] and len(words) > 1} <= targets


@pytest.mark.parametrize(("document", "link"), LINKS, ids=lambda v: v if isinstance(v, str) else v.name)
def test_every_link_leads_somewhere(document: Path, link: str) -> None:
    file, _, anchor = link.partition("#")
    place = (document.parent / file).resolve() if file else document
    assert place.exists()
    assert not anchor or anchor in anchors(place)


def test_every_page_is_in_the_index() -> None:
    index = {(ROOT / "docs" / link).resolve() for link in links(ROOT / "docs/README.md")}
    assert set((ROOT / "docs").glob("*.md")) - index == {ROOT / "docs/README.md"}


def test_the_settings_in_the_reference_are_the_settings() -> None:
    rows = [row for table in tables(REFERENCE) if table[0][0] == "setting" for row in table[1:]]
    told = {row[0].strip("`"): row[1:-1] for row in rows}
    assert told == {name: [kind, default] for name, kind, default in fields(Settings)}
    assert all(len(row[-1]) > 10 and row[-1].endswith(".") for row in rows)


def fields(model: Any, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, type and default of every setting, as the reference is to tell them."""
    for attribute, field in model.model_fields.items():
        name = prefix + (field.alias or attribute)
        inner = get_args(field.annotation)[-1] if get_origin(field.annotation) is dict else field.annotation
        if hasattr(inner, "model_fields"):
            yield from fields(inner, f"{name}.NAME." if inner is not field.annotation else f"{name}.")
        elif not field.exclude:
            yield name, kind(field.annotation), "required" if field.is_required() else default(field.default)


def kind(annotation: Any) -> str:
    """A type in the words of the reference."""
    if get_origin(annotation) is Literal:
        choices = [f"`{choice}`" for choice in get_args(annotation) if choice]
        return ", ".join(choices[:-1]) + f" or {choices[-1]}"
    if get_origin(annotation) in (dict, tuple):
        return "table" if get_origin(annotation) is dict else "list of strings"
    inner = next((part for part in get_args(annotation) if part is not type(None)), annotation)
    return NAMES.get(inner, getattr(inner, "__name__", str(inner)))


def default(value: Any) -> str:
    """A default as it would stand in slipway.toml."""
    if value is None:
        return "none"
    return f"`{json.dumps(str(value) if isinstance(value, Path) else value)}`"


def test_the_columns_in_the_documentation_are_those_of_the_contract() -> None:
    contract = json.loads((ROOT / "contract.json").read_text())
    page = ROOT / "docs/serving.md"
    if contract["name"] != "flights" or not page.exists():
        pytest.skip("the example was swapped for another project")
    told = next(table for table in tables(page) if table[0][0] == "column")[1:]
    columns = [(f"`{c['name']}`", c["type"], "yes" if c.get("nullable") else "no") for c in contract["inputs"]]
    assert [(row[0], row[1], row[2]) for row in told] == columns
    for column, row in zip(contract["inputs"], told, strict=True):
        assert all(f"`{value}`" in row[3] for value in column.get("values", []))


@pytest.mark.parametrize("stale", ["slipway shipp", "slipway ship --fast", "X=1 .venv/bin/slipway serve --port x"])
def test_a_stale_command_would_be_noticed(stale: str) -> None:
    (arguments,) = slipway_calls(stale)
    with pytest.raises((click.UsageError, AssertionError)):
        parse(arguments)


def test_calls_are_found_within_a_line_of_shell() -> None:
    found = slipway_calls("slipway run && X=1 .venv/bin/slipway ship --json  # now")
    assert list(found) == [["run"], ["ship", "--json"]]


def test_the_glossary_has_at_most_twenty_words_and_the_readmes_are_among_them() -> None:
    glossary, readme = ({row[0] for row in tables(ROOT / page)[0][1:]} for page in ("docs/glossary.md", "README.md"))
    assert len(glossary) <= 20
    assert len(readme) == 6
    assert readme <= glossary


THEIRS = (
    "components/ingest/features.py",
    "components/ingest/features.py",
    "components/balance/run.py",
    "src/churn_models/segments.py",
    "tests/test_features.py",
)
"""Files that a page lets its reader write."""
FILES = [(d, span) for d in DOCUMENTS for span in spans(d) if re.fullmatch(r"[a-z_/<>]+\.py", span) and "/" in span]


def places(document: Path, file: str) -> Iterator[Path]:
    """Where a page may mean a file to be: at the root, in the library, or in the room that the page is about."""
    library = ROOT / "src" / "slipway"
    rooms = {"flow-request.md": "realtime", "flow-batch.md": "batch"}
    yield from (ROOT / file, library / file, library / rooms.get(document.name, "") / file)


@pytest.mark.parametrize(("document", "file"), FILES, ids=lambda v: v if isinstance(v, str) else v.name)
def test_a_file_of_the_code_that_a_page_names_is_there(document: Path, file: str) -> None:
    assert "<" in file or file in THEIRS or any(place.is_file() for place in places(document, file))


@pytest.fixture
def clone(flights: Flights, tmp_path: Path) -> Path:
    """A fresh clone of the example, where nothing has been shipped yet."""
    if json.loads((ROOT / "contract.json").read_text())["name"] != "flights":
        pytest.skip("the example was swapped for another project")
    git(tmp_path, "clone", "-q", str(flights.root), "slipway")
    return tmp_path / "slipway"


@pytest.fixture
def make_ship(flights: Flights, clone: Path) -> str:
    """A command that leaves the clone as `make ship` does, and prints the same: it restores the champion from a backup."""
    backup, shipped = flights.root.parent / "backup.tar.gz", clone.parent / "shipped"
    with FileLock(backup.with_suffix(".lock")):
        if not backup.exists():
            flights.slipway("backup", str(backup))
    text = flights.shipped["stderr"] + flights.shipped["stdout"]
    shipped.write_text(text.replace(str(flights.root), str(clone)))
    return f"slipway restore {backup} >/dev/null && cat {shipped}"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_in_order_and_print_what_it_says(page: Path, clone: Path, make_ship: str) -> None:
    with shell_in(clone, make_ship=make_ship, make_test=":") as shell:
        for step in follow(page, shell):
            assert step.agrees, step.difference


@pytest.fixture
def project(churn: Path, tmp_path: Path) -> Path:
    """A project as `slipway new churn` makes it, where nothing has been shipped yet."""
    return copy_of_new(churn, tmp_path / "churn")


@pytest.mark.slow
def test_a_project_of_your_own_is_made_by_following_its_page(project: Path) -> None:
    with shell_in(project) as shell:
        for step in follow(ROOT / "docs" / "your-project.md", shell):
            assert step.agrees, step.difference
        assert json.loads((project / "contract.json").read_text())["task"] == "regression"
        assert Flights(project).json("status")["targets"][0]["batch"]["release"]


@pytest.mark.slow
def test_a_project_is_started_in_a_new_folder_by_following_its_page(clone: Path) -> None:
    """What comes after `cd ../churn`, and the other ways to start, are tested in tests/commands/project."""
    with shell_in(clone) as shell:
        for step in islice(follow(ROOT / "docs" / "new-project.md", shell), 4):
            assert step.agrees, step.difference
        assert step.output[-1].endswith("feat: start the project")
    assert (clone.parent / "churn" / "vendor").is_dir()


OUTSIDE = """
import sys
from pathlib import Path
import mlflow, pandas
from slipway.inference.scorer import load
scorer = load(Path(sys.argv[1]))
scorer.check_golden()
rows = pandas.DataFrame(scorer.golden.inputs)
print(abs(mlflow.pyfunc.load_model(sys.argv[1]).predict(rows) - scorer.golden.predictions).max())
"""


@pytest.mark.slow
def test_the_pipeline_is_customized_by_following_its_page(project: Path, tmp_path: Path) -> None:
    """The release is loaded without the project too, by Slipway and by MLflow: the bundle carries the team's code."""
    with shell_in(project) as shell:
        for step in follow(ROOT / "docs" / "customize.md", shell):
            assert step.agrees, step.difference
    checks = [
        json.loads(file.read_text())["checks"] for file in project.glob("mlartifacts/*/artifacts/validation.json")
    ]
    assert any(check["name"] == "whole_years" for run in checks for check in run)
    bundle = shutil.copytree((project / ".slipway/target/current").resolve(), tmp_path / "bundle")
    assert json.loads((bundle / "own_classes.json").read_text()) == ["churn_models.segments.Segments"]
    project.rename(tmp_path / "gone")
    answers = [sys.executable, "-c", OUTSIDE, str(bundle)]
    done = subprocess.run(answers, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-12


@pytest.mark.slow
def test_one_repository_becomes_two_by_following_its_page(project: Path) -> None:
    """The component has its history in the new repository, and the release says which version made it."""
    edit(project / "components/train/run.py", '"""Train: fit', '"""Train: always fit')
    git(project, "commit", "-qam", "feat: start the project")
    when = git(project, "log", "-1", "--format=%at %an")
    with shell_in(project) as shell:
        for step in follow(ROOT / "docs" / "components-repository.md", shell):
            assert step.agrees, step.difference
            if step.command.text.startswith("slipway components compare"):
                assert "| `all others` | `v1.0.0 " in "\n".join(step.output)
    steps = project.parent / "steps"
    assert when in git(steps, "log", "--format=%at %an", "--", "components/train/run.py").splitlines()
    assert git(steps, "tag").split() == ["v1.0.0", "v1.1.0"]
    assert "| `seed` | `int` | `1` | v1.0.0 |" in (steps / "CATALOG.md").read_text()
    release = json.loads((project / ".slipway/target/current/release.json").read_text())
    commit = git(steps, "rev-parse", "v1.0.0^{commit}")
    assert release["components"] == {"train": {"repository": "../steps", "version": "v1.0.0", "commit": commit}}


MADE = dict.fromkeys(("slipway new churn --yes", "cd churn", "make setup"), ":")
"""What a reader does first; the walkthrough begins in such a project."""


@pytest.mark.slow
def test_a_model_goes_from_a_pipeline_to_production_by_following_the_page_of_ten_minutes(project: Path) -> None:
    with shell_in(project, **MADE) as shell:
        steps = list(follow(ROOT / "docs" / "ten-minutes.md", shell))
    assert [step.difference for step in steps if not step.agrees] == []
    (again,) = (step for step in steps if step.command.text == "slipway run")
    assert "\n".join(again.output).count("(cached)") == 6
    ours, mlflows = (json.loads(step.output[0])["predictions"] for step in steps if "curl" in step.command.text)
    assert ours == [pytest.approx(row, rel=1e-9) for row in mlflows]


def test_only_what_differs_between_two_runs_is_masked() -> None:
    lines = [
        "roc_auc 0.715 of 1.0.0-dev.3+g1a2b3c4.dirty  52bb68bd1d66 took 12.5 s",
        "rows 244,737 of 2013-09-30 23:59:00 from 127.0.0.1:8080",
    ]
    assert mask(lines) == ["roc_auc 0.715 of <version>  <digest> took <seconds> s", lines[1]]


def test_a_page_may_leave_lines_out_at_an_ellipsis() -> None:
    step = Step(Command("seq 5", ["1", "...", "4", "5"]), ["1", "2", "3", "4", "5"], 0)
    assert step.agrees
    assert not Step(step.command, ["1", "2", "3", "5", "5"], 0).agrees
    assert not Step(step.command, step.output, 1).agrees
