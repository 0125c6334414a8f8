from slipway.reporting.suggestions import closest_match, did_you_mean


def test_a_name_that_is_nearly_right_is_answered_with_the_one_that_was_meant():
    assert did_you_mean("carier", ["origin", "carrier"], "it has origin, carrier") == "; did you mean 'carrier'?"


def test_a_name_that_is_like_no_other_is_answered_with_what_to_say_otherwise():
    assert did_you_mean("zzz", ["origin"], "it has origin") == "; it has origin"
    assert did_you_mean("zzz", ["origin"]) == ""


def test_the_known_names_can_be_anything_that_has_a_text_and_be_none_at_all():
    assert closest_match("12", [120, 7]) == "120"
    assert closest_match("12", []) == ""
