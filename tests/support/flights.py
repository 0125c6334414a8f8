"""The example, shipped once for a whole test session: a repository of its own, tagged v1.0.0, with its champion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.support.fork_server import clean
from tests.support.git_repositories import git

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TOLD = "shipped.json"


@dataclass(frozen=True)
class Flights:
    """A checkout whose release 1.0.0 serves. It is shared: look at it, and change only a copy."""

    root: Path

    @property
    def bundle(self) -> Path:
        return (self.root / ".slipway/target/current").resolve()

    @cached_property
    def shipped(self) -> dict[str, str]:
        """What the first `slipway ship` printed: ``stdout`` and ``stderr``."""
        told: dict[str, str] = json.loads((self.root.parent / TOLD).read_text())
        return told

    def slipway(self, *arguments: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command as a person gives it in the checkout."""
        command = [str(BIN / "slipway"), *arguments]
        environment = environment_for_people() | variables
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True)
        assert not check or done.returncode == 0, f"slipway {' '.join(arguments)}\n{done.stderr}"
        return done

    def json(self, *arguments: str) -> Any:
        """What a command with `--json` answers."""
        return json.loads(self.slipway(*arguments, "--json").stdout)

    def files_of(self, step: str) -> Path:
        """The artifacts of a step of the pipeline, in the MLflow store of the checkout."""
        import mlflow

        client = mlflow.MlflowClient(f"sqlite:///{self.root / 'mlflow.db'}")
        experiments = [client.get_experiment_by_name("flights").experiment_id]
        found = client.search_runs(experiments, f"tags.`slipway.step` = '{step}' and attributes.status = 'FINISHED'")
        return Path(found[0].info.artifact_uri.removeprefix("file://"))

    def rows(self, count: int = 1000) -> pd.DataFrame:
        """Inputs of flights that the model never saw, from a holdout row each, with nulls and values new to it."""
        contract = json.loads((self.root / "contract.json").read_text())
        holdout = pd.read_parquet(self.files_of("split") / "holdout.parquet")
        rows = holdout.sample(count, random_state=0)[[c["name"] for c in contract["inputs"]]].reset_index(drop=True)
        rows.loc[0:4, "carrier"] = "ZZ"
        rows.loc[3:7, "dest"] = "nowhere"
        rows.loc[6:10, "manufacturer"] = "WRIGHT BROTHERS"
        nullable = [c["name"] for c in contract["inputs"] if c.get("nullable")]
        rows.loc[9:12, nullable] = None
        holes = np.random.default_rng(0).random((count, len(nullable))) < 0.05
        rows[nullable] = rows[nullable].mask(holes)
        return rows


def environment_for_people() -> dict[str, str]:
    """The environment with `slipway` and `mlflow` on PATH, and no MLflow store but the default one."""
    return clean(PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")


def clone(folder: Path) -> Path:
    """What is to be committed of this checkout, in a repository of its own with the tag v1.0.0."""
    for name in _own_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "feat: flights"], ["tag", "v1.0.0"]):
        git(folder, *command)
    return folder


def ship(folder: Path) -> Flights:
    """Clone this checkout into ``folder`` and make its model the champion there."""
    flights = Flights(clone(folder))
    done = flights.slipway("ship")
    (folder.parent / TOLD).write_text(json.dumps({"stdout": done.stdout, "stderr": done.stderr}))
    return flights


def _own_files() -> Iterator[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    yield from (name for name in listed.split("\0") if name and os.path.lexists(ROOT / name))
