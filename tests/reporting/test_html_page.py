import pytest
from jinja2 import UndefinedError

from slipway.reporting.html_page import append_table, render

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


def test_a_table_is_added_at_the_end_of_a_page_and_its_cells_are_text() -> None:
    page = append_table("<main>a</main>\n</body>", "Versions & more", ("Name",), [("<b>x</b>",), ("y",)])
    assert page.startswith("<main>a<section><h2>Versions &amp; more</h2>")
    assert "<td>&lt;b&gt;x&lt;/b&gt;</td></tr>\n<tr><td>y</td>" in page
    assert page.endswith("</section>\n</main>\n</body>")
