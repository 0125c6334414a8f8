"""A components repository with three versions of one component, and projects that use them: real git repositories."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from slipway.commands.project.new import new_project
from tests.support.fork_server import Ended, slipway
from tests.support.git_repositories import ROOT, git
from tests.support.made_once import made_once
from tests.support.projects import diabetes, edit, with_store

VERSIONS = ("v1.0.0", "v1.1.0", "v2.0.0")
RUN = "components/train/run.py"
_FIT = "build_estimator(estimator, parameters, task=public.task, seed=seed)"


def components_repository(folder: Path) -> Path:
    """A copy of the repository ``components`` with three releases of `train`, each of which fits a better model."""
    made = made_once("components-repository", lambda place: _make(place / "components"))
    return Path(shutil.copytree(made / "components", folder, symlinks=True))


def new_components() -> Path:
    """A components repository as `slipway new --components` makes it; it is shared."""
    return made_once("new-components", _make_new) / "steps"


def _make_new(folder: Path) -> None:
    new_project(folder / "steps", description="Steps that we share.", components=True)


def _make(root: Path) -> None:
    for name in ("split", "train"):
        shutil.copytree(ROOT / "components" / name, root / "components" / name, ignore=shutil.ignore_patterns("*.lock"))
    (root / "pyproject.toml").write_text('[dependency-groups]\ncomponents = ["pytz"]\n')
    git(root.parent, "init", "-q", "-b", "main", str(root))
    _release(root, "v1.0.0")
    edit(root / RUN, _FIT, _FIT.replace("parameters,", '{"alpha": 0.5, **parameters},'))
    _release(root, "v1.1.0")
    edit(root / RUN, '"alpha": 0.5', '"alpha": 0.1')
    _release(root, "v2.0.0")


def _release(root: Path, tag: str) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", f"feat: {tag}")
    git(root, "tag", "-a", tag, "-m", tag)


def move_tag(root: Path, tag: str) -> tuple[str, str]:
    """Move a tag by force to a new commit; returns the commits before and after."""
    before = git(root, "rev-parse", f"{tag}^{{commit}}")
    (root / "moved.txt").write_text(tag)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "feat: something else")
    git(root, "tag", "-f", "-a", tag, "-m", tag)
    return before, git(root, "rev-parse", "HEAD")


def project_on(folder: Path, components: Path, version: str, **versions: str) -> Path:
    """A project that uses this version, and other versions of single components; returns its slipway.toml."""
    settings = with_store(diabetes(folder))
    with settings.open("a") as file:
        file.write(f'\n[components]\nrepository = {json.dumps(str(components))}\nversion = "{version}"\n')
        if versions:
            lines = "".join(f'{name} = "{other}"\n' for name, other in versions.items())
            file.write(f"\n[components.versions]\n{lines}")
    return settings


def locked(settings: Path) -> Ended:
    done = slipway(settings, "components", "lock", "--json")
    assert done.returncode == 0, done.stderr
    return done


def move_to(settings: Path, before: str, after: str) -> None:
    """Move the version in slipway.toml, lock it and commit both."""
    edit(settings, f'version = "{before}"', f'version = "{after}"')
    locked(settings)
