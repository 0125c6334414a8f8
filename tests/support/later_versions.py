"""Later versions of the library, made up by editing a copy of its source, and a `make` that answers at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from slipway.versioning.library_wheel import build_library
from tests.support.git_repositories import ROOT, environment, git

SOURCE = ROOT / "src"
TEMPLATE = "slipway/template"
WORKFLOW = ".github/workflows/deploy.yml"
STEP = 'release-plan "$GITHUB_REF_NAME"'
"""What the later versions of the workflow, and some users, write differently."""
MIGRATION = """

def _rename_setting(root: Path, wheel: LibraryWheel) -> None:
    import tomlkit

    settings = tomlkit.parse((root / "slipway.toml").read_text())
    split = settings["split"]
    if "holdout_days" in split:
        split["last_days"] = split.pop("holdout_days")
    (root / "slipway.toml").write_text(tomlkit.dumps(settings))


MIGRATIONS += (Migration("1.1.0", "slipway.toml: split.holdout_days is now split.last_days", _rename_setting),)
"""
CHANGELOG = """# Changelog

## v1.1.0 (2026-12-10)

- feat!: the first thing

  BREAKING CHANGE: not for you

## v1.0.0 (2026-11-01)

- feat: an old thing
"""
MAKE = """#!{python}
import hashlib, os, re, sys
from pathlib import Path
if "test" in sys.argv:
    print(os.environ.get("FAILING_TEST", "1 passed"))
    sys.exit("FAILING_TEST" in os.environ)
if os.environ.get("NO_NETWORK"):
    sys.exit("error: Failed to fetch: https://index.example/slipway-ml/")
(wheel,) = Path("vendor").glob("*.whl")
digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
entry = f"slipway-ml=={{wheel.name.split('-')[1]}} \\\\\\n    --hash=sha256:{{digest}}"
for lock in [*Path().rglob("*.lock"), *Path(".github").glob("*.lock")]:
    if not lock.is_symlink():
        lock.write_text(re.sub(r"^slipway-ml==.*\\n    --hash=\\S+", lambda _: entry, lock.read_text(), flags=re.M))
"""
"""`make lock` with the same versions except the library's, and `make test`: neither installs anything."""


def make_wheels(folder: Path) -> dict[str, Path]:
    """The wheels of 1.1.0 and 1.2.0, each from the source of the one before."""
    first = _copy(SOURCE, folder / "1.1.0.src")
    template, split = first / TEMPLATE, first / TEMPLATE / "components" / "split"
    _replace(template / WORKFLOW, STEP, f"{STEP} # of 1.1.0")
    _replace(split / "MLproject", "      key:", '      note: {type: string, default: ""}\n      key:')
    _replace(split / "MLproject", " --key {key}", " --key {key} --note {note}")
    _replace(split / "run.py", 'key: str = "",\n', 'key: str = "",\n    note: str = "",\n')
    days = "holdout_days: int = Field("
    _replace(first / "slipway/settings/sections.py", days, f'{days}alias="last_days", ')
    _replace(template / "slipway.toml.jinja", "holdout_days", "last_days")
    _replace(first / "slipway/bundle/release_file.py", "\nFORMAT = 1\n", "\nFORMAT = 2\n")
    with (first / "slipway/commands/project/upgrade/migrations.py").open("a") as file:
        file.write(MIGRATION)
    (first / "slipway/CHANGELOG.md").write_text(CHANGELOG)
    second = _copy(first, folder / "1.2.0.src")
    _replace(
        second / "slipway/CHANGELOG.md", "## v1.1.0", "## v1.2.0 (2026-12-20)\n\n- fix: the second thing\n\n## v1.1.0"
    )
    _replace(second / TEMPLATE / WORKFLOW, "# of 1.1.0", "# of 1.2.0")
    _replace(second / TEMPLATE / "pipeline/run.py", "top to bottom: six", "from top to bottom: six")
    (second / TEMPLATE / "deploy/realtime/settings.env").rename(second / TEMPLATE / "deploy/realtime/serve.env")
    (second / TEMPLATE / ".editorconfig").unlink()
    (second / TEMPLATE / ".dockerignore").unlink()
    return {
        version: build_library(source, version, "1700000000", folder)
        for version, source in (("1.1.0", first), ("1.2.0", second))
    }


def tiny_wheel(file: Path, version: str, makefile: str, name: str = "slipway-ml") -> Path:
    """A wheel with a template of one file and nothing to run."""
    with ZipFile(file, "w") as wheel:
        info = f"slipway_ml-{version}.dist-info"
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("slipway/template/Makefile", makefile)
        for path in ("copier.yml", "data/customers.csv"):
            wheel.write(SOURCE / TEMPLATE / path, f"slipway/template/{path}")
    return file


def put_make(folder: Path) -> Path:
    """A folder to put before the PATH."""
    folder.mkdir(exist_ok=True)
    (folder / "make").write_text(MAKE.format(python=sys.executable))
    (folder / "make").chmod(0o755)
    return folder


def upgrade(
    project: Path, wheel: Path, *options: str, code: str = "", **extra: str
) -> subprocess.CompletedProcess[str]:
    """`slipway upgrade` as the new version performs it, with the `make` beside the wheel instead of a real one."""
    site = wheel.parent / f"{wheel.stem}.site"
    if not site.exists():
        with ZipFile(wheel) as files:
            files.extractall(site)
    code = f"{code}\nfrom slipway.cli.main import main\nmain()"
    path = f"{put_make(wheel.parent / 'bin')}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-c", code, "upgrade", "--wheel", str(wheel), "--continue", *options],
        cwd=project, env={**environment(project.parent), "PYTHONPATH": str(site), "PATH": path, **extra},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def edit(project: Path, path: str, old: str, new: str) -> None:
    """An edit of the user's, committed."""
    _replace(project / path, old, new)
    git(project, "commit", "-aqm", f"chore: change {path}")


def _copy(source: Path, into: Path) -> Path:
    return Path(shutil.copytree(source, into, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")))


def _replace(file: Path, old: str, new: str, count: int = -1) -> None:
    text = file.read_text()
    assert old in text, f"{old!r} is not in {file}"
    file.write_text(text.replace(old, new, count))
