"""Every single edit of a contract asks for the step that DESIGN's rules say, and several for the largest of theirs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from semver import Version

from slipway.contract.compatibility import LEVELS, Level, changes, required_bump
from slipway.contract.schema import Column, Contract, outputs_of
from slipway.versioning.semver import bump_between, smallest_bump

TYPES = ("double", "long", "string", "boolean")
NAMES = st.text("abcdefgh", min_size=1, max_size=3)
VALUES = st.lists(st.text("xyz", min_size=1, max_size=2), unique=True, max_size=4).map(tuple)


@st.composite
def columns(draw: st.DrawFn) -> tuple[Column, ...]:
    names = draw(st.lists(NAMES, unique=True, min_size=2, max_size=5))
    return tuple(
        Column(name, draw(st.sampled_from(TYPES)), draw(st.booleans()), draw(VALUES))  # type: ignore[arg-type]
        for name in names
    )


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    classes = tuple(draw(st.lists(st.sampled_from("ABCDE"), unique=True, min_size=2, max_size=4)))
    return Contract("model", "classification", draw(columns()), outputs_of("classification", classes), classes)


Edit = Callable[[Column], Column | None]
EDITS: dict[str, tuple[Edit, Level]] = {
    "removed": (lambda c: None, "major"),
    "renamed": (lambda c: replace(c, name="renamed"), "major"),
    "type": (lambda c: replace(c, type=next(t for t in TYPES if t != c.type)), "major"),
    "no longer nullable": (lambda c: replace(c, nullable=False), "major"),
    "nullable": (lambda c: replace(c, nullable=True), "minor"),
    "closed": (lambda c: replace(c, values=("x",)), "major"),
    "opened": (lambda c: replace(c, values=()), "minor"),
    "a value less": (lambda c: replace(c, values=c.values[1:]), "major"),
    "a value more": (lambda c: replace(c, values=(*c.values, "new")), "minor"),
    "values in another order": (lambda c: replace(c, values=c.values[::-1]), "none"),
}
FITTING: dict[str, Callable[[Column], Column]] = {
    "no longer nullable": lambda c: replace(c, nullable=True),
    "nullable": lambda c: replace(c, nullable=False),
    "closed": lambda c: replace(c, values=()),
    "opened": lambda c: replace(c, values=("x", "y")),
    "a value less": lambda c: replace(c, values=("x", "y")),
    "a value more": lambda c: replace(c, values=("x", "y")),
}
"""What a column must be for the edit to be one."""
REVERSED: dict[Level, Level] = {"major": "minor", "minor": "major", "none": "none"}


def edited(before: tuple[Column, ...], at: int, name: str) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """The columns made fit for the edit, and then edited."""
    old = FITTING.get(name, lambda c: c)(before[at])
    new = EDITS[name][0](old)
    middle = () if new is None else (new,)
    return (*before[:at], old, *before[at + 1 :]), (*before[:at], *middle, *before[at + 1 :])


def level(before: Contract, after: Contract) -> Level:
    return required_bump(changes(before, after))


@given(contracts())
def test_identical_contracts_have_no_changes(contract: Contract) -> None:
    assert changes(contract, contract) == []


@given(contracts(), st.data())
def test_the_order_of_inputs_is_no_promise(contract: Contract, data: st.DataObject) -> None:
    shuffled = tuple(data.draw(st.permutations(contract.inputs)))
    assert changes(contract, replace(contract, inputs=shuffled)) == []


@pytest.mark.parametrize("name", EDITS)
@given(contract=contracts(), data=st.data())
@settings(max_examples=30)
def test_one_edit_of_an_input_is_one_change_of_its_level(name: str, contract: Contract, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(contract.inputs) - 1))
    before, after = edited(contract.inputs, at, name)
    found = changes(replace(contract, inputs=before), replace(contract, inputs=after))
    assert required_bump(found) == EDITS[name][1]
    assert [change.column for change in found] == ([] if EDITS[name][1] == "none" else [before[at].name])
    assert all(f"'{before[at].name}'" in change.sentence for change in found)


@pytest.mark.parametrize("name", [name for name in EDITS if name not in ("removed", "renamed", "type")])
@given(contract=contracts(), data=st.data())
@settings(max_examples=30)
def test_an_output_promises_the_reverse_of_an_input(name: str, contract: Contract, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(contract.inputs) - 1))
    before, after = edited(contract.inputs, at, name)
    assert level(replace(contract, outputs=before), replace(contract, outputs=after)) == REVERSED[EDITS[name][1]]


@pytest.mark.parametrize("name", ["removed", "renamed", "type"])
@given(contract=contracts())
@settings(max_examples=20)
def test_an_output_removed_renamed_or_of_another_type_is_major(name: str, contract: Contract) -> None:
    before, after = edited(contract.outputs, 0, name)
    assert level(replace(contract, outputs=before), replace(contract, outputs=after)) == "major"


@given(contracts())
def test_a_new_output_is_minor(contract: Contract) -> None:
    wider = (*contract.outputs, Column("extra", "double"))
    assert level(contract, replace(contract, outputs=wider)) == "minor"


@given(contracts(), st.booleans(), st.integers(0, 2))
def test_a_new_input_is_minor_when_it_is_optional_and_major_when_it_is_not(
    c: Contract, optional: bool, at: int
) -> None:
    new = Column("new", "double", nullable=optional)
    after = replace(c, inputs=(*c.inputs[:at], new, *c.inputs[at:]))
    assert level(c, after) == ("minor" if optional else "major")


@given(contracts(), st.data())
def test_any_other_list_of_classes_is_major(contract: Contract, data: st.DataObject) -> None:
    others = st.lists(st.sampled_from("ABCDE"), unique=True, min_size=2, max_size=5).map(tuple)
    classes = data.draw(others.filter(lambda found: found != contract.classes))
    after = replace(contract, classes=classes, outputs=outputs_of("classification", classes))
    found = changes(contract, after)
    assert required_bump(found) == "major"
    assert [change.level for change in found if change.kind == "classes"] == ["major"]


@pytest.mark.parametrize("edit", [{"name": "other"}, {"task": "regression"}, {"null_string": "none"}])
def test_another_name_task_or_null_string_is_major(edit: dict[str, str]) -> None:
    before = Contract("model", "classification", (Column("a", "string"),), (), ())
    assert level(before, replace(before, **edit)) == "major"


@given(contracts(), st.lists(st.sampled_from([n for n in EDITS if n != "renamed"]), min_size=2, max_size=2))
def test_several_edits_ask_for_the_largest_of_their_steps(contract: Contract, names: list[str]) -> None:
    before, after = contract.inputs, contract.inputs
    for at, name in zip((1, 0), names, strict=True):
        fit, changed = edited(before, at, name)
        before, kept = fit, changed[at : at + len(changed) - len(fit) + 1]
        after = (*after[:at], *kept, *after[at + 1 :])
    expected = max((EDITS[name][1] for name in names), key=LEVELS.index)
    assert level(replace(contract, inputs=before), replace(contract, inputs=after)) == expected


VERSIONS = st.tuples(*[st.integers(0, 3)] * 3)


@given(VERSIONS, VERSIONS)
def test_a_step_is_named_by_the_first_number_that_grew(before: tuple[int, ...], after: tuple[int, ...]) -> None:
    old, new = (Version(*numbers) for numbers in (before, after))
    came = bump_between(str(old), str(new))
    assert (came == "none") == (new <= old)
    if came != "none":
        assert getattr(new, came) > getattr(old, came)
        assert new >= Version.parse(smallest_bump(str(old), came))


@given(VERSIONS, st.sampled_from(["patch", "minor", "major"]))
def test_the_least_version_is_the_smallest_such_step(before: tuple[int, ...], wanted: Level) -> None:
    version = ".".join(map(str, before))
    assert bump_between(version, smallest_bump(version, wanted)) == wanted


def test_a_pre_release_counts_by_its_numbers_and_before_the_first_release_nothing_was_promised() -> None:
    assert bump_between("1.4.1-dev.3+g1a2b3c4.dirty", "1.4.1") == "none"
    assert bump_between("1.4.1-dev.3+g1a2b3c4", "1.5.0") == "minor"
    assert bump_between("1.0.0-dev.3+g1a2b3c4", "1.0.0") == "major"
    assert bump_between("1.0.0", "1.0.0") == "none"


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        ({"inputs": (Column("a", "string", values=("x",)), Column("c", "long"))}, "input 'b' was renamed to 'c'"),
        ({"inputs": (Column("a", "string", values=("x",)),)}, "input 'b' was removed"),
        ({"inputs": (Column("a", "string", values=("y",)), Column("b", "long"))}, "input 'a' no longer accepts 'x'"),
        ({"inputs": (Column("a", "string"), Column("b", "long"))}, "input 'a' now accepts any value"),
        ({"classes": ("Q", "P")}, "the order of the classes changed from P, Q to Q, P"),
        ({"classes": ("P", "Q", "R")}, "class 'R' was added"),
    ],
)
def test_a_change_is_said_in_plain_words(edit: dict[str, object], sentence: str) -> None:
    inputs = (Column("a", "string", values=("x",)), Column("b", "long"))
    before = Contract("model", "classification", inputs, (), ("P", "Q"))
    assert sentence in [change.sentence for change in changes(before, replace(before, **edit))]
