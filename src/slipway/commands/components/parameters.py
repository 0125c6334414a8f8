"""Read the parameters of components without running them, and list what changed for the pipelines that use them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.contract.compatibility import Change
from slipway.errors import SettingsError
from slipway.versioning.git.checkout import file_at
from slipway.versioning.git.command import git

OUT = "out"
"""The folder that every component writes to; it is not one of its parameters."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a component: its type, and its default as Python writes it; None if it is required."""

    type: str
    default: str | None


@dataclass(frozen=True)
class ComponentInterface:
    """The first sentence about a component, and its parameters by name."""

    summary: str
    parameters: Mapping[str, Parameter]


Interfaces = Mapping[str, ComponentInterface]


def read_components(root: Path) -> Interfaces:
    """Read every component in the working tree of a components repository.

    Raises:
        SettingsError: a component cannot be read, or its MLproject declares other parameters than its function has.
    """
    found = {}
    for project in sorted(root.glob("components/*/MLproject")):
        program = project.with_name("run.py")
        try:
            text, declared = program.read_text(encoding="utf-8"), project.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"a file of the component '{project.parent.name}' cannot be read: {error}") from None
        interface = _parse(text, str(program))
        _compare_with_mlproject(interface, declared, project)
        found[project.parent.name] = interface
    if not found:
        raise SettingsError(
            f"{root} has no components; a component is a folder components/NAME with MLproject and run.py"
        )
    return found


def components_at(root: Path, tag: str) -> Interfaces:
    """Read every component of a release; one that cannot be read had no callers and is left out."""
    found = {}
    for path in git(root, "ls-tree", "-r", "--name-only", tag, "--", "components").splitlines():
        _, *inside = path.split("/")
        text = file_at(root, tag, path) if len(inside) == 2 and inside[1] == "run.py" else None
        if text is not None:
            try:
                found[inside[0]] = _parse(text, f"{tag}:{path}")
            except SettingsError:
                continue
    return found


def parameter_changes(before: Interfaces, after: Interfaces) -> Iterator[Change]:
    """Yield every change from one release to the next that the pipelines can notice, with the bump that it requires."""
    for name in sorted({*before, *after}):
        if name not in after:
            yield Change("component_removed", name, "major", f"component '{name}' was removed")
        elif name not in before:
            yield Change("component_added", name, "minor", f"component '{name}' was added")
        else:
            yield from _compare(name, before[name].parameters, after[name].parameters)


def _compare(component: str, old: Mapping[str, Parameter], new: Mapping[str, Parameter]) -> Iterator[Change]:
    removed, added = [name for name in old if name not in new], [name for name in new if name not in old]
    if len(removed) == len(added) == 1 and old[removed[0]] == new[added[0]]:
        sentence = f"parameter '{removed[0]}' of '{component}' was renamed to '{added[0]}'"
        yield Change("parameter_renamed", f"{component}.{removed[0]}", "major", sentence)
        removed, added = [], []
    for name in removed:
        place, sentence = f"{component}.{name}", f"parameter '{name}' of '{component}' was removed"
        yield Change("parameter_removed", place, "major", sentence)
    for name in added:
        required = new[name].default is None
        kind = "required" if required else "optional"
        sentence = f"{kind} parameter '{name}' of '{component}' was added"
        yield Change("parameter_added", f"{component}.{name}", "major" if required else "minor", sentence)
    for name in (name for name in old if name in new and old[name] != new[name]):
        yield from _compare_parameter(component, name, old[name], new[name])


def _compare_parameter(component: str, name: str, old: Parameter, new: Parameter) -> Iterator[Change]:
    place, subject = f"{component}.{name}", f"parameter '{name}' of '{component}'"
    if old.type != new.type:
        sentence = f"{subject} changed its type from {old.type} to {new.type}"
        yield Change("parameter_type", place, "major", sentence)
    if old.default == new.default:
        return
    if new.default is None:
        yield Change("parameter_default", place, "major", f"{subject} no longer has the default {old.default}")
    elif old.default is None:
        yield Change("parameter_default", place, "minor", f"{subject} now has the default {new.default}")
    else:
        sentence = f"the default of {subject} changed from {old.default} to {new.default}"
        yield Change("parameter_default", place, "minor", sentence)


def _parse(text: str, origin: str) -> ComponentInterface:
    """Parse the function that a component's program passes to ``main``; nothing of it is run."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise SettingsError(f"{origin} is not valid Python: {error}") from None
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    passed = {ast.unparse(call.args[0]) for call in calls if ast.unparse(call.func) == "main" and call.args}
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name in passed]
    if len(functions) != 1:
        raise SettingsError(f"{origin} must end with `main(function)`, where the function is defined in the same file")
    (function,) = functions
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    padding: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults = [*padding, *arguments.defaults, *arguments.kw_defaults]
    pairs = zip([*positional, *arguments.kwonlyargs], defaults, strict=True)
    parameters = {argument.arg: _parameter(argument, default) for argument, default in pairs if argument.arg != OUT}
    summary = (ast.get_docstring(function) or "").partition("\n")[0]
    return ComponentInterface(summary, parameters)


def _parameter(argument: ast.arg, default: ast.expr | None) -> Parameter:
    # `dict[str, int]` and `dict` are the same type on a command line: JSON.
    kind = ast.unparse(argument.annotation).partition("[")[0] if argument.annotation else "none"
    return Parameter(kind, None if default is None else ast.unparse(default))


def _compare_with_mlproject(interface: ComponentInterface, text: str, project: Path) -> None:
    import yaml

    try:
        declared = yaml.safe_load(text)["entry_points"]["main"].get("parameters") or {}
        optional = {name for name, entry in declared.items() if "default" in entry}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        raise SettingsError(f"{project} has no entry point 'main' with parameters") from None
    names = interface.parameters.keys()
    if differing := sorted(declared.keys() ^ names):
        raise SettingsError(f"{project} and run.py do not have the same parameters: {', '.join(differing)}")
    wanted = {name for name, parameter in interface.parameters.items() if parameter.default is not None}
    if differing := sorted(optional ^ wanted):
        raise SettingsError(
            f"{project} and run.py disagree about which parameters have a default: {', '.join(differing)}"
        )
