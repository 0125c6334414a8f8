"""Small real projects: settings, contract, ingest function and pinned data of another team, in a folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from sklearn.datasets import load_diabetes, load_wine

from pipeline.component.contract import encode_contract
from pipeline.settings import load_settings

EXAMPLES = Path(__file__).parents[1] / "examples"


def diabetes(folder: Path) -> Path:
    """A regression; returns its slipway.toml."""
    frame = load_diabetes(as_frame=True).frame
    return _project(
        folder, "diabetes", frame, "target", 'task = "regression"', "sklearn.linear_model.Ridge", ["sex"], ""
    )


def wine(folder: Path) -> Path:
    """Three classes; returns its slipway.toml."""
    frame = load_wine(as_frame=True).frame
    frame.columns = [name.replace("/", "_") for name in frame.columns]
    frame["target"] = "class_" + frame["target"].astype(str)
    classes = 'classes = ["class_0", "class_1", "class_2"]'
    estimator = "sklearn.ensemble.RandomForestClassifier"
    return _project(folder, "wine", frame, "target", 'task = "classification"', estimator, [], classes)


def _project(folder, name, frame, target, task, estimator, long, classes) -> Path:  # type: ignore[no-untyped-def]
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / f"{name}.csv", index=False)
    digest = hashlib.sha256((folder / f"{name}.csv").read_bytes()).hexdigest()
    source = (EXAMPLES / "diabetes" / "ingest.py").read_text().replace("diabetes", name)
    (folder / "ingest.py").write_text(source)
    features = "\n".join(f"{json.dumps(column)} = 'double'" for column in frame.columns if column != target)
    (folder / "slipway.toml").write_text(
        f'name = "{name}"\n{task}\n[data]\nfunction = "ingest.py:features"\ntarget = "{target}"\n{classes}\n'
        f'[data.sources.{name}]\nuri = "{name}.csv"\nsha256 = "{digest}"\n[features]\n{features}\n'
        f'[split]\nholdout_share = 0.3\n[train]\nestimator = "{estimator}"\n[gate]\nminimum_holdout_rows = 20\n'
    )
    settings = load_settings(folder / "slipway.toml")
    (folder / "contract.json").write_bytes(encode_contract(settings.contract))
    return folder / "slipway.toml"


def copy_of(project: Path, folder: Path) -> Path:
    """The same project elsewhere, store and all."""
    shutil.copytree(project.parent, folder)
    return folder / project.name
