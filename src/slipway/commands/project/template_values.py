"""The values that a project's template is rendered with: its name, its description, and the library's version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import SettingsError

VALUES_FILE = ".slipway-template.yml"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}[a-z0-9]")
_GITHUB = re.compile(
    r"(?:git@github\.com:|https://(?:[^@/]+@)?github\.com/|ssh://git@github\.com/)([\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


@dataclass(frozen=True)
class TemplateValues:
    """The values of copier's questions in ``template/copier.yml``.

    Attributes:
        slipway_version: the version of the library that the project uses, exactly.
        identity: who signs the project's releases; empty without a remote on GitHub.
    """

    name: str
    description: str
    slipway_version: str
    identity: str = ""


def read_values(root: Path) -> TemplateValues:
    """Read the values that the project at ``root`` was last rendered with.

    Raises:
        SettingsError: the file is missing or incomplete.
    """
    import yaml

    file = root / VALUES_FILE
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        return TemplateValues(*(str(values[name]) for name in ("name", "description", "slipway_version")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError):
        raise SettingsError(
            f"{file} cannot be read, so this is not a project that Slipway made; `slipway new .` adds what a project "
            "needs; nothing was changed"
        ) from None


def check_name(name: str) -> None:
    """Refuse a name that a package, a model and a folder cannot all have.

    Raises:
        SettingsError: the name is not allowed.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{name[:80]!r} is not a valid project name: use 2 to 64 lower-case letters, digits, - and _, beginning "
            "with a letter and ending with a letter or digit; nothing was changed"
        )


def default_description(name: str) -> str:
    """Return the description of a project that was given none."""
    return f"The model {name}: from a commit to a served, reversible release"


def workflow_identity(remote: str) -> str:
    """Return the identity that signs the releases of a repository on GitHub; "" if the remote is not there.

    It is the workflow at the release's tag, as Sigstore sees it: https://docs.sigstore.dev/certificate_authority/oidc-in-fulcio/.
    """
    found = _GITHUB.fullmatch(remote)
    return f"https://github.com/{found[1]}/.github/workflows/deploy.yml@refs/tags/v{{version}}" if found else ""
