"""A component runs in a child of whatever process starts it, also of one that has been computing for a while."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMPONENT = """
import json, sys
from pathlib import Path
from sklearn.datasets import load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
HistGradientBoostingClassifier(max_iter=2).fit(*load_wine(return_X_y=True))
{ending}
Path(sys.argv[2], "scores.json").write_text("{{}}")
"""
NOTEBOOK = """
import sys
from pathlib import Path
from sklearn.datasets import load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from slipway.pipeline.child_process import failure_of, start_component
HistGradientBoostingClassifier(max_iter=2).fit(*load_wine(return_X_y=True))
child = start_component(Path(sys.argv[1]), {}, Path(sys.argv[2]))
child.process.join(60)
print(child.process.exitcode, failure_of(child, "there"))
child.process.kill()
"""


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("", "0 None"),
        ("raise SystemExit(4)", "4 component 'late' stopped: "),
        ("raise SystemExit", "0 component 'late' ended without writing scores.json"),
        ("raise ValueError('too far')", "1 component 'late' failed with exit code 1: ValueError: too far"),
    ],
)
def test_a_process_that_has_trained_by_itself_can_start_one(tmp_path: Path, ending: str, told: str) -> None:
    folder = tmp_path / "late"
    folder.mkdir()
    (folder / "run.py").write_text(COMPONENT.format(ending=ending))
    command = [sys.executable, "-c", NOTEBOOK, str(folder), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.startswith(told)
