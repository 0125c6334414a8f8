"""Labels of the repository, and of an issue."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .call import Call, only, paged
from .messages import Answer, created, invalid, not_found, wrong
from .records import Label
from .repository import Repository, values_of


def make_labels(repository: Repository, names: list[str]) -> list[str]:
    """Each name once; what is not yet a label of the repository becomes one."""
    for name in names:
        repository.labels.setdefault(name, Label(repository.next_id(), name))
    return list(dict.fromkeys(names))


def list_labels(call: Call) -> Answer:
    return paged(call, [label_json(call.repository, label) for label in call.repository.labels.values()])


def get_label(call: Call) -> Answer:
    label = call.repository.labels.get(call.params["name"])
    if label is None:
        raise not_found()
    return Answer(200, label_json(call.repository, label))


def create_label(call: Call) -> Answer:
    fields, repository = call.fields, call.repository
    name = fields.need("name")
    if name in repository.labels:
        raise invalid(wrong("Label", "already_exists", "name"))
    label = Label(repository.next_id(), name, fields.text("color", "ededed"), fields.given.get("description"))
    repository.labels[name] = label
    return created(label_json(repository, label))


def label_json(repository: Repository, label: Label) -> dict[str, Any]:
    return {
        **values_of(label, "id", "name", "description", "color"),
        "node_id": f"LA_{label.id}",
        "url": f"{repository.api}/labels/{quote(label.name)}",
        "default": False,
        "archived_at": None,
        "archived_by": None,
    }


def add_labels(call: Call) -> Answer:
    """200 with all labels of the issue."""
    issue = only(call.repository.issues, call.id, "number")
    issue.labels = make_labels(call.repository, [*issue.labels, *call.fields.texts("labels")])
    return Answer(200, [label_json(call.repository, call.repository.labels[name]) for name in issue.labels])
