"""Render self-contained HTML pages, with a light and a dark theme; all HTML reports use it."""

from __future__ import annotations

from typing import Any


def render(room: str, template: str, **values: Any) -> str:
    """Render a template of the package ``room`` with ``values``; everything except the SVG figures is escaped.

    A template extends ``page.html.j2``, which requires ``kicker``, ``name`` and ``about``, and imports shared parts
    from ``parts.html.j2``. Both files are in this folder.
    """
    # The import takes 0.1 s, so only runs that write a page do it.
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader(package, "") for package in (room, __package__)])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template(template).render(values)
