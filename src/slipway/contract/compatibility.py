"""What changed between two contracts, and how large a step of the version that asks for. Pure: it reads no file."""

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
    "output_nullable",
]  # fmt: skip


class Change(msgspec.Struct, frozen=True):
    """One difference that a caller can notice; ``column`` is empty where it concerns no single one."""

    kind: Kind
    column: str
    level: Level
    sentence: str


def changes(before: Contract, after: Contract) -> list[Change]:
    """Every change for callers from one contract to the next.

    Inputs are named by callers and outputs by readers, so their order is no promise; that of the classes is. What an
    input newly accepts helps everyone and what it no longer accepts breaks somebody; with an output it is the reverse.
    """
    return [
        *_model_changes(before, after),
        *_input_changes(before.inputs, after.inputs),
        *_output_changes(before.outputs, after.outputs),
    ]


def required_bump(found: Sequence[Change]) -> Level:
    """The smallest step of the version that is honest about all of these changes."""
    return max((change.level for change in found), key=LEVELS.index, default="none")


def _model_changes(before: Contract, after: Contract) -> Iterator[Change]:
    if before.name != after.name:
        yield Change("model", "", "major", f"the model's name changed from '{before.name}' to '{after.name}'")
    if before.task != after.task:
        yield Change("task", "", "major", f"the task changed from {before.task} to {after.task}")
    if before.null_string != after.null_string:
        sentence = f"the string that stands for null changed to {after.null_string!r}, which is refused as a value now"
        yield Change("null_string", "", "major", sentence)
    if before.classes != after.classes:
        yield Change("classes", "", "major", _describe_class_changes(before.classes, after.classes))


def _describe_class_changes(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    gone, came = _quote_names(set(before) - set(after)), _quote_names(set(after) - set(before))
    if not gone and not came:
        return f"the order of the classes changed from {', '.join(before)} to {', '.join(after)}"
    return "; ".join([f"class {gone} is gone"] * bool(gone) + [f"class {came} is new"] * bool(came))


def _input_changes(before: tuple[Column, ...], after: tuple[Column, ...]) -> Iterator[Change]:
    old, new = _by_name(before), _by_name(after)
    gone, came = [name for name in old if name not in new], [name for name in new if name not in old]
    renamed = _is_rename(before, after) if len(gone) == len(came) == 1 else False
    for name in gone:
        if renamed:
            yield Change("input_renamed", name, "major", f"input '{name}' is called '{came[0]}' now")
        else:
            yield Change("input_removed", name, "major", f"input '{name}' is gone")
    for name in came if not renamed else ():
        if new[name].nullable:
            yield Change("input_added", name, "minor", f"input '{name}' is new, an optional one")
        else:
            yield Change("input_added", name, "major", f"input '{name}' is new, a required one")
    for name in [name for name in old if name in new]:
        yield from _compare_input(old[name], new[name])


def _is_rename(before: tuple[Column, ...], after: tuple[Column, ...]) -> bool:
    """Whether the contracts are the same but for one name."""
    return len(before) == len(after) and all(
        msgspec.structs.replace(old, name=new.name) == new for old, new in zip(before, after, strict=True)
    )


def _compare_input(old: Column, new: Column) -> Iterator[Change]:
    name = old.name
    if old.type != new.type:
        yield Change("input_type", name, "major", f"input '{name}' changed its type from {old.type} to {new.type}")
    if old.nullable and not new.nullable:
        yield Change("input_nullable", name, "major", f"input '{name}' may no longer be null or left out")
    if new.nullable and not old.nullable:
        yield Change("input_nullable", name, "minor", f"input '{name}' may be null or left out now")
    narrower, wider = _value_changes(old, new)
    if narrower:
        yield Change("input_values", name, "major", f"input '{name}' no longer accepts {narrower}")
    if wider:
        yield Change("input_values", name, "minor", f"input '{name}' accepts {wider} now")


def _output_changes(before: tuple[Column, ...], after: tuple[Column, ...]) -> Iterator[Change]:
    old, new = _by_name(before), _by_name(after)
    for name in [name for name in old if name not in new]:
        yield Change("output_removed", name, "major", f"output '{name}' is gone or renamed")
    for name in [name for name in new if name not in old]:
        yield Change("output_added", name, "minor", f"output '{name}' is new")
    for name in [name for name in old if name in new]:
        yield from _compare_output(old[name], new[name])


def _compare_output(old: Column, new: Column) -> Iterator[Change]:
    name = old.name
    if old.type != new.type:
        yield Change("output_type", name, "major", f"output '{name}' changed its type from {old.type} to {new.type}")
    if new.nullable and not old.nullable:
        yield Change("output_nullable", name, "major", f"output '{name}' may be null now")
    if old.nullable and not new.nullable:
        yield Change("output_nullable", name, "minor", f"output '{name}' is never null now")
    narrower, wider = _value_changes(old, new)
    if wider:
        yield Change("output_values", name, "major", f"output '{name}' may say {wider} now")
    if narrower:
        yield Change("output_values", name, "minor", f"output '{name}' no longer says {narrower}")


def _value_changes(old: Column, new: Column) -> tuple[str, str]:
    """What went from a column's set of values and what came to it, in words; no values at all is an open set."""
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
