"""A project with three releases to rebuild, whose bundles are somewhere else."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from slipway.storage.digests import file_digest
from slipway.versioning.library_wheel import write_library_wheel
from tests.support.fork_server import Ended, slipway
from tests.support.git_repositories import ROOT, git
from tests.support.made_once import made_once
from tests.support.new_projects import copy_of_new
from tests.support.projects import copy_store, edit

FOREST = "n_estimators = 20\nn_jobs = -1"
MODELS = {
    "v1.0.0": ("sklearn.ensemble.HistGradientBoostingClassifier", "max_iter = 20"),
    "v1.1.0": ("sklearn.ensemble.RandomForestClassifier", FOREST),
    "v1.2.0": ("sklearn.neighbors.KNeighborsClassifier", "n_neighbors = 40"),
}
"""Two that are compiled, and one that scikit-learn serves."""
PREPROCESS = '[train.preprocess]\nimpute = "median"\n'


@dataclass(frozen=True)
class Releases:
    """``project`` has the tags and a remote; ``bundles`` has a sealed bundle for each."""

    project: Path
    bundles: Path

    def bundle(self, tag: str) -> Path:
        return next(self.bundles.glob(f"{tag[1:]}-*"))

    def reproduce(self, tag: str, *options: str, **environment: str) -> Ended:
        """Rebuild a tag, and compare it with its bundle."""
        return slipway(self.project, "reproduce", tag, "--bundle", str(self.bundle(tag)), *options, **environment)

    def move(self, tag: str, file: str, old: str, new: str) -> None:
        """Move a tag by force to a commit that changes one thing."""
        git(self.project, "checkout", "-q", "--detach", tag)
        edit(self.project / file, old, new)
        git(self.project, "commit", "-qam", "fix: one thing")
        git(self.project, "tag", "-f", tag)
        git(self.project, "checkout", "-q", "main")

    @property
    def left(self) -> list[str]:
        """What a rebuild left in the project."""
        return sorted(path.name for path in (self.project / ".slipway").glob("reproduce/*"))


def make_releases(churn: Path, folder: Path) -> None:
    project = copy_of_new(churn, folder / "churn")
    copy_store(project)
    text = (project / "slipway.toml").read_text()
    text = re.sub(r"\[train\.parameters\]\n[^\[]*", "", text).replace("[evaluate]", f"{PREPROCESS}\n[evaluate]")
    text = text.replace("margin = 0.03", "margin = 0.5").replace("roc_auc = 0.65", "roc_auc = 0.5")
    for tag, (estimator, parameters) in MODELS.items():
        named = re.sub(r'estimator = ".*"', f'estimator = "{estimator}"', text)
        (project / "slipway.toml").write_text(
            named.replace(PREPROCESS, f"{PREPROCESS}\n[train.parameters]\n{parameters}\n")
        )
        git(project, "commit", "-qam", f"feat: {tag}")
        git(project, "tag", tag)
        done = slipway(project, "ship")
        assert done.returncode == 0, done.stderr
    shutil.rmtree(project / "mlartifacts")


def with_lock(project: Path) -> Path:
    """A small project that has, besides its settings, a lock for training with the library's wheel; returns its settings."""
    wheel = next(made_once("wheel", write_library_wheel).glob("*.whl"))
    (project.parent / "vendor").mkdir()
    shutil.copy(wheel, project.parent / "vendor")
    locked = (ROOT / "components" / "requirements.lock").read_text()
    own = f"slipway-ml=={wheel.name.split('-')[1]} \\\n    --hash=sha256:{file_digest(wheel)}\n"
    (project.parent / "requirements.lock").write_text(f"--find-links vendor\n{locked}{own}")
    return project
