"""A folder with settings and a features function is a project: what it lacks is the root's own, and the wheel carries it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from slipway.commands.project.render import COMPONENTS_TEMPLATE
from slipway.pipeline.project_files import TEMPLATE, component_folder, pipeline_script
from tests.support.fork_server import clean
from tests.support.projects import diabetes

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in TEMPLATE.rglob("*") if path.is_file() and path.suffix != ".pyc")
OWN = {"copier.yml", "data/customers.csv"}
COMPONENTS = sorted(path.parent.name for path in ROOT.glob("components/*/MLproject"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as users get it: built from the source archive, which is built from the checkout."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT / "src")],
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("*.whl")
    return built


def test_no_file_of_the_template_is_kept_twice() -> None:
    own = {path for path in FILES if not path.is_symlink()}
    assert {path.relative_to(TEMPLATE).as_posix() for path in own if path.suffix != ".jinja"} == OWN
    assert len(FILES) - len(own) > 2 * len(COMPONENTS)
    for path in set(FILES) - own:
        inside = path.relative_to(TEMPLATE)
        # In a project, its tests are all that there is in tests/.
        assert path.resolve() == ROOT / (
            "tests/project" / inside.relative_to("tests") if inside.parts[0] == "tests" else inside
        )


def test_the_template_has_every_component_of_the_root() -> None:
    assert COMPONENTS == ["evaluate", "ingest", "package", "split", "train", "validate"]
    assert sorted(path.name for path in (TEMPLATE / "components").iterdir() if path.is_dir()) == COMPONENTS


def test_a_projects_own_script_and_component_go_before_the_templates(tmp_path: Path) -> None:
    assert pipeline_script(tmp_path) == TEMPLATE / "pipeline" / "run.py"
    assert component_folder(tmp_path, "split") == TEMPLATE / "components" / "split"
    own = tmp_path / "components" / "split"
    own.mkdir(parents=True)
    for name in ("MLproject", "run.py"):
        (own / name).touch()
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "run.py").touch()
    assert pipeline_script(tmp_path) == tmp_path / "pipeline" / "run.py"
    assert component_folder(tmp_path, "split") == own
    assert component_folder(tmp_path, "train") == TEMPLATE / "components" / "train"


@pytest.mark.slow
def test_the_wheel_carries_the_roots_own_bytes(wheel: Path) -> None:
    with ZipFile(wheel) as files:
        names = {name for name in files.namelist() if name.startswith("slipway/template/")}
        assert names == {f"slipway/template/{path.relative_to(TEMPLATE)}" for path in FILES}
        others = sorted(path for path in COMPONENTS_TEMPLATE.rglob("*") if path.is_file())
        for path in [*FILES, *others]:
            assert files.read(f"slipway/{path.relative_to(TEMPLATE.parent)}") == path.read_bytes()


@pytest.mark.slow
def test_the_wheel_alone_runs_a_project_of_two_files(wheel: Path, tmp_path: Path) -> None:
    site, settings = tmp_path / "site", diabetes(tmp_path / "p")
    with ZipFile(wheel) as files:
        files.extractall(site)
    code = (
        "import slipway, sys; from slipway.cli.main import main\n"
        f"assert slipway.__path__[0].startswith({str(site)!r}); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "--settings", str(settings)],
        cwd=tmp_path,
        env=clean(PYTHONPATH=str(site)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "candidate runs:/" in done.stdout
