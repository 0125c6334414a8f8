"""The library's wheel: its version, the same bytes from the same source, and what is left when it was installed."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from slipway.versioning.library_wheel import WHEEL_PATTERN, version_at
from tests.support.git_repositories import clone, commit, git
from tests.support.library_source import (
    UV,
    environment_beside,
    library_repository,
    library_version,
    rewritten_wheel,
    sha256,
    site_packages,
    written_wheel,
)

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "src" / "slipway" / "template"
SOURCE_TO_WHEEL = {
    "build": ["-m", "build", "--no-isolation"],
    "build --wheel": ["-m", "build", "--no-isolation", "--wheel"],
    "uv build": ["-m", "uv", "build", "--quiet", "--offline", "--no-build-isolation", "--python", sys.executable],
}


@pytest.fixture
def root(tmp_path: Path, own_environment: None) -> Path:
    return library_repository(tmp_path / "repository")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    return written_wheel(ROOT / "src", tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def install(tmp_path: Path) -> Callable[[Path], Path]:
    """Install a wheel, without what it requires, into a new environment; returns its Python."""

    def install(wheel: Path) -> Path:
        python = environment_beside(tmp_path / f"environment-{sha256(wheel)[:8]}")
        subprocess.run([UV, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel], check=True)
        return python

    return install


def test_the_wheel_has_the_changelog_that_an_upgrade_quotes(tmp_path: Path) -> None:
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "CHANGELOG.md").write_text("## 9.9.9\n\n- What is new\n")
    for command in SOURCE_TO_WHEEL.values():
        out = tmp_path / "dist"
        subprocess.run(
            [sys.executable, *command, "--out-dir" if "uv" in command else "--outdir", out, source], check=True
        )
        (built,) = out.glob(WHEEL_PATTERN)
        with ZipFile(built) as files:
            assert files.read("slipway/CHANGELOG.md").startswith(b"## 9.9.9")
        shutil.rmtree(out)


def test_only_the_librarys_own_tag_of_that_number_makes_a_commit_that_version(root: Path) -> None:
    number = library_version(root)
    head = git(root, "rev-parse", "HEAD")
    assert version_at(root, root / "src", head) == f"{number}+g{head[:7]}"
    for tag in (f"v{number}", "slipway-ml-v0.0.1", f"my-slipway-ml-v{number}"):
        git(root, "tag", tag)
        assert version_at(root, root / "src", "HEAD") == f"{number}+g{head[:7]}"
    git(root, "tag", "-a", "-m", "the library", f"slipway-ml-v{number}")
    assert version_at(root, root / "src", "HEAD") == number
    later = commit(root, "fix: later")
    assert version_at(root, root / "src", "HEAD") == f"{number}+g{later[:7]}"
    assert version_at(root, root / "src", head) == number


@pytest.mark.slow
def test_a_change_that_is_not_committed_shows_in_the_version(root: Path, tmp_path: Path) -> None:
    number = library_version(root)
    git(root, "tag", f"slipway-ml-v{number}")
    (root / "notes.txt").write_text("not part of the library")
    assert written_wheel(root / "src", tmp_path / "clean").name == f"slipway_ml-{number}-py3-none-any.whl"
    names = set()
    for file in ("src/slipway/errors.py", "pipeline/run.py"):  # the template links to the second
        (root / file).write_text((root / file).read_text() + "# changed\n")
        names.add(written_wheel(root / "src", tmp_path / "changed").name)
    assert len(names) == 2
    assert all(name.startswith(f"slipway_ml-{number}+d") for name in names)


@pytest.mark.slow
def test_the_same_commit_gives_the_same_bytes_wherever_and_whenever_it_is_built(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = written_wheel(root / "src", tmp_path / "one")
    git(tmp_path, "clone", "-q", "--bare", str(root), str(tmp_path / "remote.git"))
    other = clone(root, tmp_path / "another" / "place")
    (other / "src" / "slipway" / "__pycache__").mkdir()
    (other / "src" / "slipway" / "__pycache__" / "stray.pyc").write_bytes(b"stray")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    umask = os.umask(0o077)
    try:
        second = written_wheel(other / "src", tmp_path / "two")
    finally:
        os.umask(umask)
    assert (first.name, sha256(first)) == (second.name, sha256(second))


@pytest.mark.slow
@pytest.mark.parametrize("command", SOURCE_TO_WHEEL.values(), ids=list(SOURCE_TO_WHEEL))
def test_the_wheel_has_the_templates_files_however_it_is_built(command: list[str], tmp_path: Path, wheel: Path) -> None:
    out = ["--out-dir" if "uv" in command else "--outdir", str(tmp_path)]
    subprocess.run([sys.executable, *command, *out, str(ROOT / "src")], check=True, capture_output=True)
    (built,) = tmp_path.glob(WHEEL_PATTERN)
    template = {
        f"slipway/template/{path.relative_to(TEMPLATE)}": path for path in TEMPLATE.rglob("*") if path.is_file()
    }
    with ZipFile(built) as files:
        assert {name for name in files.namelist() if name.startswith("slipway/template/")} == {
            name for name in template if "__pycache__" not in name
        }
        for name in files.namelist():
            if name in template:
                assert files.read(name) == template[name].read_bytes()
    with ZipFile(wheel) as ours, ZipFile(built) as theirs:
        assert _package(ours) == _package(theirs)


@pytest.mark.slow
def test_an_installed_wheel_is_put_together_again_with_the_same_files(
    wheel: Path, install: Callable[[Path], Path], tmp_path: Path
) -> None:
    again = rewritten_wheel(install(wheel), tmp_path / "again")
    assert again.name == wheel.name
    with ZipFile(wheel) as first, ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())
        records = [name for name in first.namelist() if name.endswith("/RECORD")]
        for name in first.namelist():
            if name not in records:
                assert first.read(name) == second.read(name), name
        (record,) = records
        assert sorted(_rows(first, record)) == sorted(_rows(second, record))


@pytest.mark.slow
def test_the_wheel_put_together_again_can_be_installed_used_and_written_once_more(
    wheel: Path, install: Callable[[Path], Path], tmp_path: Path
) -> None:
    installed = install(wheel)
    again = rewritten_wheel(installed, tmp_path / "again")
    # This time by pip, which compiles the modules and lists them in RECORD.
    python = tmp_path / "by-pip" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "by-pip"], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", again]
    subprocess.run(pip, check=True)
    shutil.copy(site_packages(installed) / "beside.pth", site_packages(python))
    told = subprocess.run([python.with_name("slipway"), "--help"], capture_output=True, text=True, check=True)
    assert "Usage: slipway" in told.stdout
    assert rewritten_wheel(python, tmp_path / "third").read_bytes() == again.read_bytes()


@pytest.mark.slow
def test_an_installed_file_that_was_changed_or_is_missing_is_refused(
    wheel: Path, install: Callable[[Path], Path], tmp_path: Path
) -> None:
    python = install(wheel)
    script = site_packages(python) / "slipway" / "template" / "pipeline" / "run.py"
    for spoil, reason in (
        (_change, "was changed after it was installed"),
        (Path.unlink, "cannot be read: No such file"),
    ):
        spoil(script)
        with pytest.raises(
            AssertionError, match=f"slipway/template/pipeline/run.py of the installed slipway-ml {reason}"
        ):
            rewritten_wheel(python, tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def _change(file: Path) -> None:
    file.write_text(file.read_text() + "# changed\n")


def _package(wheel: ZipFile) -> dict[str, bytes]:
    return {name: wheel.read(name) for name in wheel.namelist() if name.startswith("slipway/")}


def _rows(wheel: ZipFile, record: str) -> list[list[str]]:
    return list(csv.reader(wheel.read(record).decode().splitlines()))
