"""What a workflow file says of its inputs, and whether given ones fit."""

from __future__ import annotations

import json
from typing import Any

import yaml

from .messages import Fields, Refused, malformed

MOST_INPUTS = 25
NO_TRIGGER = "Workflow does not have 'workflow_dispatch' trigger"
Declared = dict[str, dict[str, Any]]


def declared_inputs(text: str | None) -> Declared:
    """The inputs of ``on.workflow_dispatch``; raises 422 when there is no such trigger, or no readable file."""
    try:
        workflow = yaml.safe_load(text or "") or {}
    except yaml.YAMLError:
        raise Refused(422, NO_TRIGGER) from None
    # YAML 1.1, which PyYAML reads, takes a bare `on` for true.
    triggers = workflow.get("on", workflow.get(True)) if isinstance(workflow, dict) else None
    triggers = {triggers: None} if isinstance(triggers, str) else triggers or {}
    if "workflow_dispatch" not in triggers:
        raise Refused(422, NO_TRIGGER)
    details = triggers["workflow_dispatch"] if isinstance(triggers, dict) else None
    inputs = (details or {}).get("inputs") or {}
    return {name: about or {} for name, about in inputs.items()}


def given_inputs(fields: Fields) -> dict[str, str]:
    """The inputs of a request, all text and at most 25."""
    given = fields.given.get("inputs") or {}
    if not isinstance(given, dict):
        raise malformed("properties/inputs", given, "an object")
    if len(given) > MOST_INPUTS:
        message = f"No more than {MOST_INPUTS} properties are allowed; {len(given)} were supplied."
        raise Refused(422, f"Invalid request.\n\n{message}")
    for value in given.values():
        if not isinstance(value, str):
            raise malformed("additionalProperties", value, "a string")
    return given


def settled_inputs(declared: Declared, given: dict[str, str]) -> dict[str, str]:
    """The inputs with which the run starts, defaults filled in; raises 422 for what does not fit."""
    if unexpected := [name for name in given if name not in declared]:
        raise Refused(422, f"Unexpected inputs provided: {json.dumps(unexpected)}")
    settled = {name: given.get(name, default_text(about)) for name, about in declared.items()}
    for name, about in declared.items():
        if about.get("required") and name not in given and "default" not in about:
            raise Refused(422, f"Required input '{name}' not provided")
        if name in given and not allowed(about, given[name]):
            raise Refused(422, f"Provided value '{given[name]}' for input '{name}' not in the list of allowed values")
    return settled


def default_text(about: dict[str, Any]) -> str:
    default = about.get("default", False if about.get("type") == "boolean" else "")
    return str(default).lower() if isinstance(default, bool) else str(default)


def allowed(about: dict[str, Any], value: str) -> bool:
    """Text and environments are anything."""
    match about.get("type"):
        case "boolean":
            return value in ("true", "false")
        case "choice":
            return value in [str(option) for option in about.get("options", [])]
        case "number":
            return value.lstrip("+-").replace(".", "", 1).isdigit()
        case _:
            return True
