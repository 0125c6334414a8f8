"""Compare a project with the version of the library that it names: its pin, lock, wheel, template and managed files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from slipway.commands.project.template_values import VALUES_FILE, TemplateValues, read_values
from slipway.commands.project.upgrade.merge import render_managed
from slipway.commands.project.upgrade.wheel import open_wheel
from slipway.settings.pinned_version import pinned_version
from slipway.settings.settings import LOCK_FILE
from slipway.versioning.library_wheel import VENDOR, WHEEL_PATTERN

_LOCKED = re.compile(r"^slipway-ml==(\S+)", re.MULTILINE)


def find_disagreements(root: Path) -> Iterator[tuple[str, str]]:
    """Yield what disagrees about the library's version in a project, each with the command that repairs it."""
    if not (root / VALUES_FILE).is_file() or not (pinned := pinned_version(root)):
        return
    template = read_values(root).slipway_version
    if template != pinned:
        yield (
            f"the template is that of slipway-ml {template}, but pyproject.toml pins {pinned}",
            f"slipway upgrade {pinned}",
        )
    locked = _LOCKED.search((root / LOCK_FILE).read_text(encoding="utf-8"))
    if locked and locked[1] != pinned:
        yield f"pyproject.toml pins slipway-ml {pinned}, but {LOCK_FILE} has {locked[1]}", "make lock"
    if (root / VENDOR).is_dir() and pinned not in _wheels_by_version(root):
        has = ", ".join(_wheels_by_version(root)) or "none"
        yield (
            f"pyproject.toml pins slipway-ml {pinned}, but the wheel in {VENDOR}/ is {has}",
            f"git checkout HEAD -- {VENDOR}",
        )


def edited_files(root: Path) -> list[str]:
    """Return the managed files that the user changed or removed; none if the template's wheel is not in ``vendor/``."""
    # A host that only serves has no copier.
    if not (root / VALUES_FILE).is_file() or not find_spec("copier"):
        return []
    values = read_values(root)
    wheel = _wheels_by_version(root).get(values.slipway_version)
    return _compare(root, values, wheel) if wheel else []


def _compare(root: Path, values: TemplateValues, wheel: Path) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="slipway-doctor-") as folder:
        made = Path(folder, "project")
        render_managed(values, open_wheel(wheel), made)
        files = [path.relative_to(made) for path in sorted(made.rglob("*")) if path.is_file()]
        return [str(path) for path in files if not _has(root / path, (made / path).read_bytes())]


def _has(file: Path, content: bytes) -> bool:
    return file.is_file() and file.read_bytes() == content


def _wheels_by_version(root: Path) -> dict[str, Path]:
    return {file.name.split("-")[1]: file for file in sorted((root / VENDOR).glob(WHEEL_PATTERN))}
