"""The library installed from its wheel with one extra alone: what works then, and what a verb says that needs another."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from slipway.__about__ import DISTRIBUTION, extra_of
from slipway.errors import MissingExtraError
from tests.support.bundles import make_bundle
from tests.support.drifting_rows import days, project, written
from tests.support.git_repositories import commit, git, template
from tests.support.library_source import UV, written_wheel
from tests.support.projects import diabetes
from tests.support.running_server import running_program

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "requirements.lock", ROOT / "deploy" / "batch" / "requirements-spark.lock"]
CONSTRAINTS = [option for lock in LOCKS for option in ("--constraint", str(lock))]
EXTRAS = tomllib.loads((ROOT / "src" / "pyproject.toml").read_text())["project"]["optional-dependencies"]
ROWS = [{"distance": 0.5, "seats": 100, "carrier": "AA", "tail": None}]
Slipway = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers share, since each environment is large."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "extras"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def wheel(shared: Path) -> Path:
    with FileLock(shared / "wheel.lock"):
        return next((shared / "wheel").glob("*.whl"), None) or written_wheel(ROOT / "src", shared / "wheel")


@pytest.fixture(scope="session")
def installed(wheel: Path, shared: Path) -> Callable[[str], Path]:
    """The `slipway` of an environment with only this extra ("" is none); each environment is made once."""

    def program(extra: str) -> Path:
        folder = shared / (extra or "bare")
        with FileLock(shared / f"{folder.name}.lock"):
            if not (folder / "bin" / "slipway").exists():
                subprocess.run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
                _install(folder / "bin" / "python", f"{DISTRIBUTION}[{extra}] @ {wheel.as_uri()}")
        return folder / "bin" / "slipway"

    return program


@pytest.fixture
def slipway(installed: Callable[[str], Path], tmp_path: Path) -> Slipway:
    """Run a verb with only this extra, in the test's folder."""

    def run(extra: str, *arguments: str | Path, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        command = [str(installed(extra)), *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, env=_plain(), capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "releases")


def _install(python: Path, *arguments: str) -> None:
    command = [UV, "pip", "install", "--quiet", "--python", python, *CONSTRAINTS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SLIPWAY", "MLFLOW"))}


def _csv(path: Path) -> Path:
    path.write_text("distance,seats,carrier,tail\n0.5,100,AA,N1\n")
    return path


def _drifted(folder: Path) -> None:
    project(folder, days())
    written(folder / "moved.parquet", days(21, start="2013-10-01", seed=1, shift=3.0))


def test_without_extras_a_bundle_is_verified_and_served(
    installed: Callable[[str], Path], slipway: Slipway, bundle: Path, tmp_path: Path
) -> None:
    assert "1.2.3 is intact" in slipway("", "verify", bundle).stdout
    command = [installed(""), "serve", "--bundle", bundle, "--port", "0", "--workers", "1"]
    with running_program(list(map(str, command)), _plain()) as server:
        answer = server.post({"dataframe_records": ROWS})
    assert (answer.status, answer.release) == (200, "1.2.3")


def test_batch_scores_a_file(slipway: Slipway, bundle: Path, tmp_path: Path) -> None:
    done = slipway("batch", "batch", _csv(tmp_path / "rows.csv"), "scores", "--bundle", bundle)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("scored 1 of 1 rows with 1.2.3")


def test_drift_finds_rows_that_moved(slipway: Slipway, tmp_path: Path) -> None:
    _drifted(tmp_path)
    done = slipway("drift", "drift", "moved.parquet", "--html", "drift.html")
    assert done.returncode == 21, done.stderr
    assert (tmp_path / "drift.html").is_file()


def test_training_runs_the_pipeline(slipway: Slipway, tmp_path: Path) -> None:
    settings = diabetes(tmp_path / "project")
    done = slipway("training", "run", cwd=settings.parent)
    assert done.returncode == 0, done.stderr
    assert "candidate runs:/" in done.stdout


def test_release_reads_commits_and_makes_projects(slipway: Slipway, tmp_path: Path) -> None:
    root = template(tmp_path / "repository")
    commit(root, "feat: a feature")
    (root / "slipway.toml").touch()
    assert "version bump: minor" in slipway("release", "commits", cwd=root).stdout
    assert slipway("release", "--version").stdout.startswith("slipway, version ")
    assert git(root, "status", "--porcelain") == "?? slipway.toml"
    assert slipway("release", "init", "--help").returncode == 0


@pytest.mark.parametrize("extra", ["spark", "all"])
def test_the_large_extras_resolve(extra: str, wheel: Path, installed: Callable[[str], Path]) -> None:
    """They are not installed: pyspark alone takes half a gigabyte."""
    _install(installed("").with_name("python"), "--dry-run", f"{DISTRIBUTION}[{extra}] @ {wheel.as_uri()}")


MISSING = [
    ("", "batch", ["batch", "rows.csv", "scores", "--bundle", "bundle"]),
    ("", "batch", ["drift", "rows.csv"]),
    ("", "batch", ["status"]),
    ("", "batch", ["rollback", "--reason", "test"]),
    ("", "release", ["commits"]),
    ("", "release", ["release"]),
    ("", "release", ["promote", "v1.0.0"]),
    ("batch", "drift", ["drift", "moved.parquet", "--html", "drift.html"]),
    ("batch", "training", ["run"]),
    ("drift", "training", ["ship"]),
    ("training", "release", ["release"]),
    ("release", "training", ["run"]),
]


@pytest.mark.parametrize(("has", "needs", "verb"), MISSING, ids=lambda v: " ".join(v) if isinstance(v, list) else v)
def test_a_verb_that_needs_another_extra_names_it_in_one_sentence(
    has: str, needs: str, verb: list[str], slipway: Slipway, tmp_path: Path
) -> None:
    if verb[0] == "drift":
        _drifted(tmp_path)
    done = slipway(has, *verb)
    assert done.returncode == MissingExtraError.exit_code, done.stderr
    sentence = r'slipway: this command needs the package \w+, which is not installed; run `pip install "(.*)"`\n'
    found = re.fullmatch(sentence, done.stderr.splitlines(keepends=True)[-1])
    assert found, done.stderr
    assert "Traceback" not in done.stderr
    assert found[1] == f"slipway-ml[{needs}]"


def test_a_module_of_the_projects_own_that_is_missing_is_shown_as_it_is(slipway: Slipway, tmp_path: Path) -> None:
    settings = diabetes(tmp_path / "project")
    script = settings.with_name("pipeline")
    script.mkdir()
    (script / "run.py").write_text("import our_own_code\n")
    done = slipway("training", "run", cwd=settings.parent)
    assert done.returncode != MissingExtraError.exit_code
    assert "No module named 'our_own_code'" in done.stderr


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - {"all"}))
def test_every_package_of_an_extra_is_known_by_one_of_its_modules(extra: str) -> None:
    modules = importlib.metadata.packages_distributions()
    for package in _packages(extra):
        own = {module for module, of in modules.items() if package in map(_normal, of)} or {package}
        known = {found for module in own if (found := extra_of(module))}
        assert known, f"{package} is in no extra of slipway.__about__"
        assert all(package in _packages(found) for found in known), (package, known)


def _packages(extra: str) -> set[str]:
    return {_normal(re.split(r"[\[<>=]", line)[0]) for line in EXTRAS[extra]} - {_normal(DISTRIBUTION)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
