"""A release of this very project in a copy of it: batch and server give the same answers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = next(folder for folder in Path(__file__).parents if (folder / "slipway.toml").is_file())
SLIPWAY = str(Path(sys.executable).with_name("slipway"))
WHO = ("-c", "user.name=test", "-c", "user.email=test@example.org")


def run(folder: Path, *command: str) -> str:
    """What a command prints, run in a copy of the project that shares nothing with it."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SLIPWAY_", "MLFLOW_", "GITHUB_"))
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files in a repository of their own, with a release rolled out."""
    folder = tmp_path_factory.mktemp("release") / "project"
    for name in run(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    run(folder, "git", "init", "-q", "-b", "main")
    run(folder, "git", "add", "--all")
    run(folder, "git", *WHO, "commit", "-qm", "feat: a copy")
    run(folder, "git", "tag", "v1.0.0")
    run(folder, SLIPWAY, "ship")
    return folder


@pytest.fixture(scope="module")
def server(copy: Path) -> Iterator[str]:
    """The address of a server of that release."""
    command = [SLIPWAY, "serve", "--port", "0", "--workers", "1"]
    process = subprocess.Popen(command, cwd=copy, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said = ""
    while not (found := re.search(r"http://[\w.:]+", said)):
        said = process.stderr.readline()
        assert said, f"the server ended with {process.wait()}"
    yield found[0]
    process.terminate()
    process.wait()


def examples(copy: Path) -> pd.DataFrame:
    """Rows that the contract allows, which every release brings along."""
    (golden,) = (copy / ".slipway" / "target").glob("current/golden.json")
    return pd.DataFrame(json.loads(golden.read_text())["inputs"])


def test_batch_and_server_give_the_same_answers(copy: Path, server: str, tmp_path: Path) -> None:
    rows = examples(copy)
    rows.to_parquet(tmp_path / "rows.parquet")
    run(copy, SLIPWAY, "batch", str(tmp_path / "rows.parquet"), str(tmp_path / "scores.parquet"))
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert set(scores["release"]) == {"1.0.0"}

    body = json.dumps({"dataframe_split": json.loads(rows.to_json(orient="split", index=False))}).encode()
    request = urllib.request.Request(f"{server}/invocations", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        assert response.headers["x-model-version"] == "1.0.0"
        answers: list[Any] = json.load(response)["predictions"]
    probabilities = [name for name in scores.columns if name.startswith("probability_")]
    expected = scores[probabilities].to_numpy() if probabilities else scores["prediction"].to_numpy()
    assert answers == pytest.approx(expected, rel=1e-9)


def test_the_release_can_be_verified(copy: Path) -> None:
    bundle = (copy / ".slipway" / "target" / "current").resolve()
    assert "1.0.0" in run(copy, SLIPWAY, "verify", str(bundle))
