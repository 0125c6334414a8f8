"""Compare two contracts: list the changes for callers and the version bump that they require. Reads no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from slipway.contract.schema import Column, Contract

Level = Literal["none", "patch", "minor", "major"]
LEVELS: tuple[Level, ...] = ("none", "patch", "minor", "major")

Kind = Literal[
    "model", "task", "null_string", "classes", "input_removed", "input_renamed", "input_added", "input_type",
    "input_values", "input_nullable", "output_removed", "output_added", "output_type", "output_values",
    "output_nullable", "component_removed", "component_added", "parameter_removed", "parameter_renamed",
    "parameter_added", "parameter_type", "parameter_default",
]  # fmt: skip


class Change(msgspec.Struct, frozen=True):
    """One difference that a caller can notice; ``column`` is empty if it does not concern a single column.

    In a components repository, ``column`` is the component and its parameter.
    """

    kind: Kind
    column: str
    level: Level
    sentence: str


def changes(before: Contract, after: Contract) -> list[Change]:
    """Return every change for callers from one contract to the next.

    Columns are addressed by name, so their order is not part of the contract; the order of the classes is. An input that
    accepts more is compatible and one that accepts less is a breaking change; for an output it is the other way around.
    """
    return [
        *_model_changes(before, after),
        *_input_changes(before.inputs, after.inputs),
        *_output_changes(before.outputs, after.outputs),
    ]


def required_bump(found: Sequence[Change]) -> Level:
    """Return the smallest version bump that covers all of these changes."""
    return max((change.level for change in found), key=LEVELS.index, default="none")


def _model_changes(before: Contract, after: Contract) -> Iterator[Change]:
    if before.name != after.name:
        yield Change("model", "", "major", f"the model's name changed from '{before.name}' to '{after.name}'")
    if before.task != after.task:
        yield Change("task", "", "major", f"the task changed from {before.task} to {after.task}")
    if before.null_string != after.null_string:
        sentence = (
            f"the string that stands for null is now {after.null_string!r}, which is no longer accepted as a value"
        )
        yield Change("null_string", "", "major", sentence)
    if before.classes != after.classes:
        yield Change("classes", "", "major", _describe_class_changes(before.classes, after.classes))


def _describe_class_changes(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    removed, added = _quote_names(set(before) - set(after)), _quote_names(set(after) - set(before))
    if not removed and not added:
        return f"the order of the classes changed from {', '.join(before)} to {', '.join(after)}"
    return "; ".join([f"class {removed} was removed"] * bool(removed) + [f"class {added} was added"] * bool(added))


def _input_changes(before: tuple[Column, ...], after: tuple[Column, ...]) -> Iterator[Change]:
    old, new = _by_name(before), _by_name(after)
    removed, added = [name for name in old if name not in new], [name for name in new if name not in old]
    renamed = _is_rename(before, after) if len(removed) == len(added) == 1 else False
    for name in removed:
        if renamed:
            yield Change("input_renamed", name, "major", f"input '{name}' was renamed to '{added[0]}'")
        else:
            yield Change("input_removed", name, "major", f"input '{name}' was removed")
    for name in added if not renamed else ():
        if new[name].nullable:
            yield Change("input_added", name, "minor", f"optional input '{name}' was added")
        else:
            yield Change("input_added", name, "major", f"required input '{name}' was added")
    for name in [name for name in old if name in new]:
        yield from _compare_input(old[name], new[name])


def _is_rename(before: tuple[Column, ...], after: tuple[Column, ...]) -> bool:
    """Return whether the inputs are the same except for one name."""
    # Types and positions must be equal; otherwise it is more likely that one input was removed and another one added.
    return len(before) == len(after) and all(
        msgspec.structs.replace(old, name=new.name) == new for old, new in zip(before, after, strict=True)
    )


def _compare_input(old: Column, new: Column) -> Iterator[Change]:
    name = old.name
    if old.type != new.type:
        yield Change("input_type", name, "major", f"input '{name}' changed its type from {old.type} to {new.type}")
    if old.nullable and not new.nullable:
        yield Change("input_nullable", name, "major", f"input '{name}' can no longer be null or left out")
    if new.nullable and not old.nullable:
        yield Change("input_nullable", name, "minor", f"input '{name}' can now be null or left out")
    narrower, wider = _value_changes(old, new)
    if narrower:
        yield Change("input_values", name, "major", f"input '{name}' no longer accepts {narrower}")
    if wider:
        yield Change("input_values", name, "minor", f"input '{name}' now accepts {wider}")


def _output_changes(before: tuple[Column, ...], after: tuple[Column, ...]) -> Iterator[Change]:
    old, new = _by_name(before), _by_name(after)
    for name in [name for name in old if name not in new]:
        yield Change("output_removed", name, "major", f"output '{name}' was removed or renamed")
    for name in [name for name in new if name not in old]:
        yield Change("output_added", name, "minor", f"output '{name}' was added")
    for name in [name for name in old if name in new]:
        yield from _compare_output(old[name], new[name])


def _compare_output(old: Column, new: Column) -> Iterator[Change]:
    name = old.name
    if old.type != new.type:
        yield Change("output_type", name, "major", f"output '{name}' changed its type from {old.type} to {new.type}")
    if new.nullable and not old.nullable:
        yield Change("output_nullable", name, "major", f"output '{name}' can now be null")
    if old.nullable and not new.nullable:
        yield Change("output_nullable", name, "minor", f"output '{name}' can no longer be null")
    narrower, wider = _value_changes(old, new)
    if wider:
        yield Change("output_values", name, "major", f"output '{name}' can now be {wider}")
    if narrower:
        yield Change("output_values", name, "minor", f"output '{name}' can no longer be {narrower}")


def _value_changes(old: Column, new: Column) -> tuple[str, str]:
    """Describe the values that a column lost and those that it gained; a column that lists no values allows any."""
    if old.values == new.values:
        return "", ""
    if not old.values:
        return f"values other than {_quote_names(set(new.values))}", ""
    if not new.values:
        return "", "any value"
    return _quote_names(set(old.values) - set(new.values)), _quote_names(set(new.values) - set(old.values))


def _quote_names(names: set[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


def _by_name(columns: tuple[Column, ...]) -> dict[str, Column]:
    return {column.name: column for column in columns}
