"""Write the catalog of a components repository: each component with its parameters, and the version that added them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from slipway.bundle.release_assets import CATALOG
from slipway.commands.components.parameters import Interfaces, components_at, read_components
from slipway.errors import ContractError
from slipway.reporting.markdown import table
from slipway.reporting.sanitize import code_span, escape_markdown
from slipway.versioning.git.command import run
from slipway.versioning.semver import is_release_tag, parse_tag

_NEXT = "the next release"
_SINCE = re.compile(rf"(?:Since|\|) (?:v\d+\.\d+\.\d+|{_NEXT})(?:\.| \|)$", re.MULTILINE)
_HEAD = "# Components\n\n`slipway components catalog` writes this page from the components themselves."


def render_catalog(root: Path) -> str:
    """Return the catalog of a components repository as Markdown.

    Raises:
        SettingsError: a component cannot be read.
    """
    components, since = read_components(root), _find_first_versions(root)
    sections = [_HEAD]
    for name, interface in components.items():
        rows = [
            (
                code_span(parameter),
                code_span(entry.type),
                "required" if entry.default is None else code_span(entry.default),
                since.get((name, parameter), _NEXT),
            )
            for parameter, entry in interface.parameters.items()
        ]
        # Docstrings have code in double backticks, as reStructuredText does.
        about = f"{escape_markdown(interface.summary.replace('``', '`'))} Since {since.get((name, ''), _NEXT)}.".strip()
        sections += [f"## {name}", about, table(("parameter", "type", "default", "since"), rows)]
    return "\n\n".join(sections) + "\n"


def check_catalog(root: Path) -> None:
    """Check that the committed catalog lists the components as they are.

    A release cannot change the page, so "the next release" stays valid until the page is written again.

    Raises:
        ContractError: it is missing or out of date.
    """
    file = root / CATALOG
    committed = file.read_text(encoding="utf-8") if file.is_file() else ""
    if _SINCE.sub("", committed) != _SINCE.sub("", render_catalog(root)):
        state = "is out of date" if committed else "does not exist"
        raise ContractError(f"{file} {state}; run `slipway components catalog` and commit the page")


def _find_first_versions(root: Path) -> dict[tuple[str, str], str]:
    """Return since which release each component and parameter has been there without a gap."""
    # Without a commit git fails, and there is no release.
    tags = sorted(filter(is_release_tag, run(root, "tag", "--merged", "HEAD").stdout.split()), key=parse_tag)
    since: dict[tuple[str, str], str] = {}
    for tag in tags:
        since = {key: since.get(key, tag) for key in _keys(components_at(root, tag))}
    return since


def _keys(components: Interfaces) -> Iterator[tuple[str, str]]:
    for name, interface in components.items():
        yield name, ""
        yield from ((name, parameter) for parameter in interface.parameters)
