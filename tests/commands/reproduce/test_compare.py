"""What differs first is named: between a bundle and what its tag, which somebody may have moved, makes now."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from slipway.bundle.release_file import Bundle, verify
from slipway.commands.reproduce.clone import ReleaseClone, clone_release
from slipway.commands.reproduce.compare import compare, first_step_that_differs
from slipway.commands.reproduce.rebuild import Rebuilt, ReleaseEnvironment, read_rebuilt
from slipway.commands.reproduce.result import Check
from slipway.pipeline.build_record import build_record
from tests.support.fork_server import slipway
from tests.support.git_repositories import git
from tests.support.made_once import made_once
from tests.support.projects import copy_of, diabetes, edit, repository, shipped, with_store
from tests.support.releases_to_rebuild import with_lock

Edit = Callable[[Path], object]


@dataclass(frozen=True)
class Shipped:
    """A project whose release 1.0.0 was shipped, and what its pipeline made once more."""

    project: Path
    published: Bundle
    told: dict[str, str]

    def compare(self, scratch: Path, change: Edit = lambda root: None, *, bundle: Bundle | None = None) -> list[Check]:
        """Compare the release with its tag after a change that somebody moved it to."""
        change(self.project.parent)
        git(self.project.parent, "add", "-A")
        git(self.project.parent, "commit", "-q", "--allow-empty", "-m", "fix: one thing")
        git(self.project.parent, "tag", "-f", "v1.0.0")
        clone = clone_release(self.project.parent, "v1.0.0", scratch / "v1.0.0")
        rebuilt = self.rebuilt(clone)
        return compare(bundle or self.published, rebuilt, ReleaseEnvironment(Path(sys.executable), clone), scratch)

    def rebuilt(self, clone: ReleaseClone) -> Rebuilt:
        """The steps that ran here count as those of the clone."""
        here = read_rebuilt(replace(clone, project=self.project.parent), self.told)
        record = build_record(clone.project, clone.settings, {})
        return replace(here, build=msgspec.structs.replace(record, steps=here.build.steps))


@pytest.fixture
def release(tmp_path: Path) -> Shipped:
    made = made_once("locked", ship_and_run) / "project"
    project = copy_of(made / "slipway.toml", tmp_path / "project")
    told = json.loads((made / ".slipway" / "told.json").read_text().replace(str(made), str(project.parent)))
    return Shipped(project, verify((project.parent / ".slipway/target/current").resolve()), told)


def ship_and_run(folder: Path) -> None:
    project = repository(with_lock(with_store(diabetes(folder / "project"))))
    shipped(project)
    told = slipway(project, "run", "--no-cache", "--json").stdout
    (project.parent / ".slipway" / "told.json").write_text(told)


def differences(checks: list[Check]) -> list[tuple[str, str]]:
    return [(check.name, check.detail) for check in checks if check.state == "different"]


def test_a_tag_that_was_moved_to_the_same_content_differs_in_its_commit_only(release: Shipped, tmp_path: Path) -> None:
    [(name, detail)] = differences(release.compare(tmp_path))
    assert name == "commit"
    assert f"instead of {release.published.release.commit}" in detail


def repin(root: Path) -> None:
    """Another pin."""
    text = (root / "slipway.toml").read_text()
    digest = text.partition('sha256 = "')[2][:64]
    (root / "slipway.toml").write_text(text.replace(digest, "ab" * 32))


CHANGES: dict[str, tuple[Edit, str, str]] = {
    "seed": (lambda root: edit(root / "slipway.toml", "[train]", "[train]\nseed = 7"), "settings", "train.seed is 7"),
    "data": (repin, "data", "diabetes is abababababab instead of"),
    "lock": (
        lambda root: edit(root / "requirements.lock", "\nclick==", "\nclick==0."),
        "lock",
        "(click: ",
    ),
    "components": (
        lambda root: (root / "components.lock").write_text("split v1.2.0\n"),
        "lock",
        "components.lock is ",
    ),
    "contract": (lambda root: edit(root / "contract.json", '"bmi"', '"bme"'), "contract", "contract.json is "),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_first_difference_is_the_thing_that_was_changed(release: Shipped, tmp_path: Path, what: str) -> None:
    change, name, detail = CHANGES[what]
    (first, said), *others = differences(release.compare(tmp_path, change))
    assert first == name
    assert detail in said
    assert [other for other, _ in others] == ["commit"]


def test_a_release_without_a_record_is_compared_in_what_it_has(release: Shipped, tmp_path: Path) -> None:
    older = msgspec.structs.replace(release.published.release, build=None)
    checks = release.compare(tmp_path, bundle=msgspec.structs.replace(release.published, release=older))
    assert [(check.name, check.state) for check in checks if check.name != "commit"] == [
        ("settings", "not recorded"),
        *((name, "identical") for name in ("data", "lock", "contract", "rows", "model", "predictions", "scores")),
    ]


def test_two_rebuilds_that_differ_name_the_step(release: Shipped, tmp_path: Path) -> None:
    rebuilt = release.rebuilt(clone_release(release.project.parent, "v1.0.0", tmp_path / "v1.0.0"))
    assert first_step_that_differs(rebuilt, rebuilt) == ""
    steps = dict(rebuilt.build.steps)
    steps["train"] = msgspec.structs.replace(steps["train"], files={"model.skops": "0" * 64})
    other = replace(rebuilt, build=msgspec.structs.replace(rebuilt.build, steps=steps))
    assert first_step_that_differs(rebuilt, other) == "train"


def test_a_data_file_that_git_does_not_have_is_the_one_of_the_project(release: Shipped, tmp_path: Path) -> None:
    root = release.project.parent
    git(root, "rm", "-q", "--cached", "diabetes.csv")
    git(root, "commit", "-qm", "chore: not in git")
    git(root, "tag", "-f", "v1.0.0")
    clone = clone_release(root, "v1.0.0", tmp_path / "v1.0.0")
    assert (clone.project / "diabetes.csv").readlink() == root / "diabetes.csv"
