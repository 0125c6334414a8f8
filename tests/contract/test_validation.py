"""A missing column is named together with what the caller sent, at a cost that the caller cannot raise."""

from __future__ import annotations

import pytest

from slipway.contract.schema import Column, Contract, outputs_of
from slipway.contract.validation import check_required, make_violation
from slipway.errors import ContractError

CONTRACT = Contract(
    "flights",
    "regression",
    (Column("distance", "long"), Column("carrier", "string"), Column("seats", "long", nullable=True)),
    outputs_of("regression", ()),
)


def refused(*given: object) -> str:
    with pytest.raises(ContractError) as error:
        check_required([name for name in given if isinstance(name, str)], CONTRACT, given)
    return str(error.value)


def test_a_nullable_column_can_be_missing() -> None:
    check_required(["distance", "carrier"], CONTRACT, ["distance", "carrier"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), "got no columns"),
        (("carrier", "Distance"), "got 'Distance' (did you mean 'distance'?), 'carrier'"),
        (("carier", "distence"), "got 'distence' (did you mean 'distance'?), 'carier' (did you mean 'carrier'?)"),
        (("carrier", "zzz"), "got 'carrier', 'zzz'"),
        (("carrier", "seats"), "got 'carrier', 'seats'"),
        (("carrier", ""), "got 'carrier', ''"),
        (("carrier", 5, None, ["x"]), "got 'carrier', '5', 'null', '[\"x\"]'"),
    ],
)
def test_what_was_sent_is_listed_and_a_misspelled_name_is_recognized(given: tuple[object, ...], told: str) -> None:
    assert refused(*given).endswith(f"; {told}")


def test_many_long_names_make_the_message_and_its_cost_only_a_little_larger() -> None:
    """Comparing every name with every column would take minutes."""
    message = refused("carrier", *(f"distance{number}" * 20 for number in range(100_000)))
    assert message.endswith(" and 99,981 more")
    assert len(message) < 3_000


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Yes", '"Yes"; convert such words to true and false'),
        ("no", '"no"; convert such words to true and false'),
        ("maybe", '"maybe"'),
        (2, "2"),
    ],
)
def test_a_word_for_true_or_false_has_a_hint(value: object, shown: str) -> None:
    violation = make_violation(3, Column("night", "boolean"), value)
    assert str(violation) == f"row 3, column 'night': expected true or false, got {shown}"
    assert "convert" not in str(make_violation(3, Column("carrier", "string", values=("AA",)), value))
