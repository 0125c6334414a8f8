"""With `--json`, standard output is one JSON document, also for the verbs that otherwise report on stderr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from slipway.cli.main import slipway
from tests.support.git_repositories import pushed, released
from tests.support.projects import diabetes
from tests.support.release_files import Client, publish_and_promote, publish_release


def told(*arguments: str) -> Any:
    """What a command prints with `--json`."""
    done = CliRunner().invoke(slipway, [*arguments, "--json"])
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def test_writing_the_contract_tells_the_file_and_its_size(tmp_path: Path) -> None:
    settings = diabetes(tmp_path)
    expected = {"file": str(tmp_path / "contract.json"), "inputs": 10, "outputs": 1}
    assert told("contract", "write", "--settings", str(settings)) == expected


@pytest.mark.usefixtures("own_environment")
def test_a_preview_has_its_parts_as_fields(tmp_path: Path) -> None:
    root = released(tmp_path)
    settings = diabetes(root)
    pushed(root, "feat: one")
    found = told("preview", "--settings", str(settings))
    assert (found["version"], found["new"], found["last"]) == ("1.1.0", True, "1.0.0")
    assert found["contract"]["honest"] is True
    assert found["markdown"].startswith("## This releases 1.1.0, after 1.0.0\n")


def test_promote_pull_and_resume_tell_the_champion_and_whether_it_changed(client: Client, tmp_path: Path) -> None:
    settings = diabetes(tmp_path / "host")
    publish_release(client, tmp_path, "1.0.0")
    assert told("promote", "v1.0.0") == {"champion": "v1.0.0", "changed": True}
    assert told("promote", "v1.0.0") == {"champion": "v1.0.0", "changed": False}
    first = told("pull", "--settings", str(settings))
    assert (first["champion"], first["changed"]) == ("1.0.0", True)
    assert told("pull", "v1.0.0", "--settings", str(settings)) == first | {"changed": False}
    publish_and_promote(client, tmp_path, "1.0.1")
    assert told("promote", "v1.0.0", "--rollback", "--reason", "bad")["changed"] is True
    assert told("resume", "--github", "--reason", "fixed") == {"changed": True}
    assert told("resume", "--github", "--reason", "fixed") == {"changed": False}
