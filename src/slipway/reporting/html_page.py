"""A page of HTML that needs nothing from outside, in light and in dark: what every report of ours is put into."""

from __future__ import annotations

from typing import Any


def render(room: str, template: str, **values: Any) -> str:
    """The page that a template of the package ``room`` makes of ``values``; all but its pictures is escaped.

    A template extends ``page.html.j2``, which needs ``kicker``, ``name`` and ``about``, and takes the parts that pages
    share from ``parts.html.j2``. Both stand beside this module.
    """
    # It takes a tenth of a second to import, which only a run that writes a page should pay.
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader(package, "") for package in (room, __package__)])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template(template).render(values)
