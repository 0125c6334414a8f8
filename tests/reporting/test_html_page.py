import pytest
from jinja2 import UndefinedError

from slipway.reporting.html_page import render

EMPTY = {"keys": [], "metrics": [], "charts": [], "slices": []}


def test_what_a_page_is_about_is_text_and_never_markup():
    page = render(
        "slipway.steps.evaluate", "report.html.j2", kicker="Evaluation", name="<b>x</b>", about="a & b", **EMPTY
    )
    assert "<title>Evaluation of &lt;b&gt;x&lt;/b&gt;</title>" in page
    assert "a &amp; b" in page and "<b>" not in page


def test_a_value_that_a_template_needs_and_does_not_get_is_an_error_and_no_blank():
    with pytest.raises(UndefinedError, match="about"):
        render("slipway.steps.evaluate", "report.html.j2", kicker="Evaluation", name="x", **EMPTY)
