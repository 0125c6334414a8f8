"""Two pipelines use different versions of the components of another repository, pinned to commits."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.errors import ComponentsLockError, NotFoundError, SettingsError
from slipway.pipeline.component_repository import Components
from slipway.settings.settings import load_settings
from tests.support.component_repositories import (
    RUN,
    VERSIONS,
    components_repository,
    locked,
    move_tag,
    move_to,
    project_on,
)
from tests.support.fork_server import slipway
from tests.support.git_repositories import ROOT, git
from tests.support.projects import commit, edit, files_of, repository, runs, shipped


@pytest.fixture
def components(tmp_path: Path) -> Path:
    return components_repository(tmp_path / "components")


@pytest.fixture
def project(tmp_path: Path, components: Path) -> Path:
    """A project on the second version, which is locked; returns its slipway.toml."""
    settings = project_on(tmp_path / "project", components, "v1.1.0")
    locked(settings)
    return settings


def found(settings: Path, name: str, folder: Path) -> Any:
    return Components(load_settings(settings), folder / "checkouts").find(name)


def commit_of(components: Path, tag: str) -> str:
    return git(components, "rev-parse", f"{tag}^{{commit}}")


def release_of(settings: Path) -> dict[str, Any]:
    release: dict[str, Any] = json.loads((settings.parent / ".slipway/target/current/release.json").read_text())
    return release


@pytest.mark.slow
def test_two_pipelines_ship_and_retrain_on_three_versions_of_one_component(tmp_path: Path, components: Path) -> None:
    """Each release says which versions made it: in the bundle, the report, the runs and the registry."""
    first = project_on(tmp_path / "first", components, "v1.0.0")
    second = project_on(tmp_path / "second", components, "v1.1.0", split="v1.0.0")
    for settings in (first, second):
        locked(settings)
        shipped(repository(settings))
    commits = {tag: commit_of(components, tag) for tag in VERSIONS}
    one = {"repository": str(components), "version": "v1.0.0", "commit": commits["v1.0.0"]}
    other = one | {"version": "v1.1.0", "commit": commits["v1.1.0"]}
    assert release_of(first)["components"] == {"split": one, "train": one}
    assert release_of(second)["components"] == {"split": one, "train": other}
    assert release_of(first)["scores"] != release_of(second)["scores"]

    move_to(first, "v1.0.0", "v2.0.0")
    commit(first, "v1.1.0")
    told = shipped(first)
    assert told["champion"] == "1.1.0"
    newest = {"repository": str(components), "version": "v2.0.0", "commit": commits["v2.0.0"]}
    assert release_of(first)["components"] == {"split": newest, "train": newest}
    assert release_of(second)["components"]["train"] == other

    report = Path(str(told["report"])).read_text()
    assert f"<td>train</td><td>{components}</td><td>v2.0.0</td><td>{commits['v2.0.0']}</td>" in report
    (step,) = runs(first, f"tags.`slipway.component.commit` = '{commits['v2.0.0']}' and tags.`slipway.step` = 'train'")
    assert step.data.tags["slipway.component.version"] == "v2.0.0"
    parent = runs(first, f"attributes.run_id = '{step.data.tags['mlflow.parentRunId']}'")[0]
    assert parent.data.tags["slipway.components.train"] == " ".join(newest.values())
    assert (files_of(parent) / "report.html").read_text() == report
    assert registered(first, "1.1.0")["component.train"] == " ".join(newest.values())


def registered(settings: Path, release: str) -> dict[str, str]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{settings.parent / 'mlflow.db'}")
    (version,) = client.search_model_versions(f"tags.release = '{release}'")
    return dict(version.tags)


def test_a_version_is_fetched_once_and_then_used_offline(project: Path, components: Path, tmp_path: Path) -> None:
    trained = slipway(project, "run", "--json")
    assert trained.returncode == 0, trained.stderr
    components.rename(tmp_path / "gone")
    again = slipway(project, "run", "--json")
    assert again.returncode == 0, again.stderr
    steps = {step["name"]: step for step in again.told["steps"]}
    assert (steps["train"]["version"], steps["train"]["cached"]) == ("v1.1.0", True)
    assert (steps["ingest"]["version"], steps["ingest"]["cached"]) == ("", True)


def test_the_version_is_part_of_the_cache_key(project: Path, components: Path) -> None:
    """Also where the files of two versions are the same, as those of `split` are here."""
    slipway(project, "run")
    move_to(project, "v1.1.0", "v1.0.0")
    again = slipway(project, "run", "--json")
    assert {step["name"]: step["cached"] for step in again.told["steps"]}["split"] is False


def test_what_was_moved_by_force_is_refused_with_both_commits(project: Path, components: Path, tmp_path: Path) -> None:
    before, after = move_tag(components, "v1.1.0")
    text = (project.parent / "components.lock").read_text()
    assert found(project, "train", tmp_path).version["commit"] == before  # fetched before it was moved
    shutil.rmtree(project.parent / ".slipway")
    for verb in (("run",), ("components", "lock")):
        done = slipway(project, *verb)
        assert done.returncode == ComponentsLockError.exit_code
        assert f"has the commit {before}, and the tag is at {after} now" in done.stderr
    assert (project.parent / "components.lock").read_text() == text
    assert runs(project) == []


def forget_lock(project: Path) -> None:
    (project.parent / "components.lock").unlink()


def damage_lock(project: Path) -> None:
    edit(project.parent / "components.lock", "[commits]", "[commits]\n'v1.1.0' = '--upload-pack=x'\n[more]")


def name_another_repository(project: Path) -> None:
    edit(project, "/components", "/other")


def name_another_version(project: Path) -> None:
    edit(project, 'version = "v1.1.0"', 'version = "v1.0.0"')


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (forget_lock, "components.lock does not exist; run `slipway components lock`"),
        (damage_lock, "was not written by `slipway components lock`"),
        (name_another_repository, "components.lock is about /"),
        (name_another_version, "components.lock has no commit of v1.0.0, which slipway.toml names"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_lock_that_does_not_fit_the_settings_is_refused_before_anything_starts(
    project: Path, change: Callable[[Path], None], said: str
) -> None:
    change(project)
    done = slipway(project, "run")
    assert done.returncode == ComponentsLockError.exit_code
    assert said in done.stderr
    assert "run `slipway components lock`" in done.stderr or "run it again" in done.stderr
    assert runs(project) == []


def test_a_version_that_cannot_be_fetched_is_named_with_its_repository(
    project: Path, components: Path, tmp_path: Path
) -> None:
    shutil.rmtree(project.parent / ".slipway")
    components.rename(tmp_path / "gone")
    done = slipway(project, "run")
    assert done.returncode == NotFoundError.exit_code
    assert f"v1.1.0 of the components repository {components} is not here and cannot be fetched" in done.stderr
    (tmp_path / "gone").rename(components)
    edit(project, "v1.1.0", "v9.0.0")
    done = slipway(project, "components", "lock")
    assert done.returncode == NotFoundError.exit_code
    assert "v9.0.0" in done.stderr


def test_a_folder_of_the_project_goes_before_the_repositorys(project: Path, components: Path, tmp_path: Path) -> None:
    assert found(project, "train", tmp_path).version["version"] == "v1.1.0"
    own = project.parent / "components" / "train"
    (own / "__pycache__").mkdir(parents=True)  # what git leaves when a folder is gone from a branch
    assert found(project, "train", tmp_path).version
    for name in ("MLproject", "run.py"):
        shutil.copy(components / "components/train" / name, own)
    component = found(project, "train", tmp_path)
    assert (component.folder, component.version) == (own, {})
    assert found(project, "split", tmp_path).version["version"] == "v1.1.0"
    assert found(project, "evaluate", tmp_path).version == {}


def test_a_component_that_a_version_no_longer_has_is_not_replaced_by_the_templates(
    project: Path, components: Path, tmp_path: Path
) -> None:
    git(components, "rm", "-rq", "components/train")
    git(components, "commit", "-qm", "feat!: no train")
    git(components, "tag", "v3.0.0")
    move_to(project, "v1.1.0", "v3.0.0")
    (project.parent / "pipeline").mkdir()
    shutil.copy(ROOT / "pipeline" / "run.py", project.parent / "pipeline")
    with pytest.raises(SettingsError, match="does not exist, and the components repository does not have it in this"):
        found(project, "train", tmp_path)
    assert found(project, "split", tmp_path).version["version"] == "v3.0.0"
    git(components, "rm", "-rq", "components")
    git(components, "commit", "-qm", "feat!: nothing")
    git(components, "tag", "v4.0.0")
    edit(project, "v3.0.0", "v4.0.0")
    done = slipway(project, "components", "lock")
    assert done.returncode == SettingsError.exit_code
    assert "v4.0.0 of" in done.stderr
    assert "is not a components repository; nothing was written" in done.stderr


def test_what_the_components_need_is_locked_in_the_project(project: Path, components: Path) -> None:
    file = project.parent / "components" / "requirements.in"
    assert file.read_text().splitlines()[1:] == ["pytz  # v1.1.0"]
    assert locked(project).told["requirements_changed"] is False
    edit(components / "pyproject.toml", '"pytz"', '"--index-url=https://example.org"')
    git(components, "commit", "-qam", "feat: v3")
    git(components, "tag", "v3.0.0")
    edit(project, "v1.1.0", "v3.0.0")
    done = slipway(project, "components", "lock")
    assert done.returncode == SettingsError.exit_code
    assert "has '--index-url=https://example.org', which is not a package; nothing was written" in done.stderr
    edit(components / "pyproject.toml", '"--index-url=https://example.org"', "")
    git(components, "commit", "-qam", "feat: v4")
    git(components, "tag", "v4.0.0")
    edit(project, "v3.0.0", "v4.0.0")
    assert locked(project).told["requirements_changed"] is True
    assert not file.exists()


def test_a_version_of_a_component_that_does_not_exist_is_refused(project: Path) -> None:
    with project.open("a") as file:
        file.write('[components.versions]\ntrian = "v1.0.0"\n')
    done = slipway(project, "components", "lock")
    assert done.returncode == SettingsError.exit_code
    assert "has no component 'trian'; did you mean 'train'?" in done.stderr


def test_a_project_without_a_components_repository_has_nothing_to_lock(project: Path) -> None:
    text = project.read_text()
    project.write_text(text[: text.index("[components]")])
    done = slipway(project, "components", "lock")
    assert done.returncode == SettingsError.exit_code
    assert "names no components repository" in done.stderr


FETCH = """
import sys
from pathlib import Path
from slipway.pipeline.component_repository import fetch_tag
fetch_tag(Path(sys.argv[1]), *sys.argv[2:])
"""


def test_two_fetches_at_once_and_a_killed_one_leave_whole_commits(components: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FETCH, str(tmp_path), str(components), "v1.0.0"]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    both = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    killed = subprocess.Popen([*command[:-1], "v2.0.0"], env=environment)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    mirror = tmp_path / ".slipway" / "components.git"
    shutil.rmtree(mirror / "refs" / "slipway" / "commits")  # as if it had been killed before it wrote them
    assert subprocess.run(command, env=environment).returncode == 0
    assert git(mirror, "fsck", "--full") == ""
    assert commit_of(components, "v1.0.0") in git(mirror, "for-each-ref", "refs/slipway/commits")


def test_files_come_as_they_are_whatever_the_machine_does_to_line_ends(
    project: Path, components: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.autocrlf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    text = git(components, "cat-file", "blob", f"v1.1.0:{RUN}")
    assert (found(project, "train", tmp_path).folder / "run.py").read_bytes().decode().strip() == text


def test_make_lock_resolves_what_the_components_need_for_training_only(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "components").mkdir()
    (tmp_path / "components" / "requirements.in").touch()
    (tmp_path / "uv").touch()
    done = subprocess.run(["make", "-n", "lock", "UV=uv"], cwd=tmp_path, capture_output=True, text=True, check=True)
    commands = done.stdout.replace("\\\n", "").splitlines()
    resolved = [line for line in commands if "pip compile" in line and "components/requirements.in" in line]
    assert [line.split("--group ")[1] for line in resolved] == [
        "dev -o requirements.lock",
        "training -o components/requirements.lock",
    ]
