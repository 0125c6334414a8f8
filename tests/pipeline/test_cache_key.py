"""A step's key moves with everything that its outputs can depend on, and with nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fork_server import clean
from tests.support.projects import copy_of_programs

KEY = """
import sys
from pathlib import Path
from slipway.pipeline.cache import environment_digest, step_key
print(step_key(Path.cwd() / "components" / "evaluate", {"a": "1"}, {"b": "2"}), environment_digest())
"""


def key(copy: Path, *more: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", KEY],
        cwd=copy,
        env=clean(PYTHONPATH=os.pathsep.join([str(copy / "src"), *more])),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def append_line(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as changed:
        changed.write("\n")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_of_programs(tmp_path / "copy")


@pytest.mark.parametrize(
    "file",
    [
        "src/slipway/steps/evaluate/evaluation_files.py",
        "src/slipway/steps/evaluate/report.html.j2",
        "src/slipway/reporting/page.html.j2",
        "components/evaluate/page.html",
        "components/evaluate/words.json",
        "components/evaluate/deep/inside/table.csv",
        "src/slipway/statistics/metrics.py",
    ],
)
def test_the_key_moves_with_code_and_with_every_file_of_the_folder(copy: Path, file: str) -> None:
    before = key(copy)
    append_line(copy / file)
    assert key(copy) != before


@pytest.mark.parametrize(
    "file",
    [
        "components/evaluate/test_page.py",
        "components/evaluate/conftest.py",
        "components/evaluate/tests/rows.csv",
        "components/evaluate/__pycache__/run.cpython-311.pyc",
        "components/ingest/flights.py",
        "src/slipway/steps/train.py",
        "src/slipway/commands/ship.py",
        "src/slipway/pipeline/flow.py",
    ],
)
def test_the_key_stays_whatever_happens_to_tests_byte_code_and_other_components(copy: Path, file: str) -> None:
    before = key(copy)
    append_line(copy / file)
    assert key(copy) == before


def installed(folder: Path, name: str, version: str) -> Path:
    """A folder in which one more distribution is installed."""
    place = folder / f"{name.replace('-', '_')}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText.\n")
    return folder


@pytest.mark.parametrize(("name", "counts"), [("slipway-ml", False), ("team-model", True)])
def test_the_version_of_the_library_itself_does_not_count(copy: Path, tmp_path: Path, name: str, counts: bool) -> None:
    """An upgrade that changes no module of a step does not empty the cache; another package's version does."""
    first = key(copy, str(installed(tmp_path / "1", name, "1.0.0")))
    second = key(copy, str(installed(tmp_path / "2", name, "1.0.1")))
    assert (first != second) is counts


OWN_KEY = """
from pathlib import Path
from slipway.pipeline.cache import step_key
root = Path.cwd()
features, folders = root / "features.py", (root / "own", root / "components" / "train")
print(step_key(root / "components" / "ingest", {"own_classes": "sklearn.svm.SVC,segments.S"}, {}, folders, [features]))
"""


def test_the_key_moves_with_the_projects_own_modules_that_a_step_can_import(copy: Path) -> None:
    """Those that its files import, also by a relative import, and those whose classes a parameter names."""
    files = {
        "features.py": "from ours.tables import join\n",
        "own/ours/__init__.py": "",
        "own/ours/tables.py": "from . import words\nfrom .deep.rows import first\n",
        "own/ours/words.py": "",
        "own/ours/deep/__init__.py": "",
        "own/ours/deep/rows.py": "def f():\n    from ..late import x\n",
        "own/ours/late.py": "",
        "own/ours/regions.json": "{}",
        "components/train/segments.py": "import ours_too\n",
        "own/ours_too.py": "",
        "own/unused.py": "",
    }
    for name, text in files.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text)

    def current() -> str:
        return subprocess.run(
            [sys.executable, "-c", OWN_KEY], cwd=copy, env=clean(PYTHONPATH=str(copy / "src")),
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    before = current()
    for name in files.keys() - {"features.py", "own/unused.py"}:
        append_line(copy / name)
        after = current()
        assert after != before, name
        before = after
    append_line(copy / "own/unused.py")
    assert current() == before
