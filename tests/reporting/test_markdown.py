from slipway.reporting import markdown


def test_a_table_has_its_head_a_ruler_and_its_rows_with_the_numbers_to_the_right():
    assert (
        markdown.table(["name", "rows"], [["a", "12"]], numeric_columns=1) == "| name | rows |\n|---|---:|\n| a | 12 |"
    )


def test_no_cell_ends_itself_or_its_line():
    assert markdown.table(["x"], [["a|b\nc"]]) == "| x |\n|---|\n| a\\|b c |"


def test_a_table_without_rows_is_its_head_alone():
    assert markdown.table(["a", "b"], []) == "| a | b |\n|---|---|"
