"""Render self-contained HTML pages, with a light and a dark theme; all HTML reports use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
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


def append_table(page: str, title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a rendered page with one more table at its end; the cells are escaped."""
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>\n" for line in lines)
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    table = f"<table>\n<thead><tr>{names}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>"
    section = (
        f'<section><h2>{escape(title)}</h2>\n<div class="panel"><div class="wide">{table}</div></div>\n</section>\n'
    )
    before, end, after = page.rpartition("</main>")
    return f"{before}{section}{end}{after}"
