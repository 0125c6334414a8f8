"""A release is rebuilt from its tag with nothing but its lock; it is identical, or the first difference is named."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.fork_server import slipway
from tests.support.releases_to_rebuild import Releases

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STEPS = ["ingest", "validate", "split", "train", "evaluate", "package"]
ALL = ["settings", "data", "lock", "contract", *STEPS, "model", "predictions", "scores", "commit"]


def test_three_releases_are_rebuilt_byte_for_byte(releases: Releases) -> None:
    for tag, threads in (("v1.0.0", "1,2"), ("v1.1.0", "2"), ("v1.2.0", "1")):
        done = releases.reproduce(tag, "--threads", threads, "--keep", "--json")
        assert done.returncode == 0, done.stderr
        assert [run["threads"] for run in done.told["runs"]] == [int(number) for number in threads.split(",")]
        for run in done.told["runs"]:
            assert [(check["name"], check["state"]) for check in run["checks"]] == [(name, "identical") for name in ALL]
            assert {c["detail"] for c in run["checks"]} >= {"736 holdout rows", "736 holdout rows, 2,501 train rows"}
        assert done.told["machine"]["cores"] >= 1
    assert "1.2.0 is identical to its release with 1 thread" in done.told["sentence"]
    assert len([name for name in releases.left if name.startswith("environment-")]) == 1
    status = slipway(releases.project, "status")
    assert "is identical to its release" in status.stdout
    first, *_ = slipway(releases.project, "status", "--json").told["reproductions"]
    assert (first["release"], first["result"]) == ("1.2.0", "identical")


def test_another_seed_is_named_with_how_far_apart_the_predictions_are(releases: Releases) -> None:
    releases.move("v1.1.0", "slipway.toml", "seed = 0", "seed = 1")
    done = releases.reproduce("v1.1.0", "--json")
    assert done.returncode == 49
    assert "slipway: 1.1.0 differs from its release, first in settings: train.seed is 1 instead of 0; " in done.stderr
    assert re.search(
        r"predictions: \d{3} of 736 holdout rows differ, by at most 0\.\d+; nothing was changed", done.stderr
    )
    checks = {check["name"]: check["state"] for check in done.told["runs"][0]["checks"]}
    assert {name for name, state in checks.items() if state == "different"} == {
        *("settings", "train", "evaluate", "package", "model", "predictions", "scores", "commit"),
    }  # fmt: skip
    assert releases.left == []
    assert json.loads((releases.project / ".slipway/reproductions/v1.1.0.json").read_text())["result"] == "different"


def test_data_that_changed_after_the_release_is_refused_as_in_training(releases: Releases) -> None:
    releases.move("v1.0.0", "slipway.toml", "data/customers.csv", "data/others.csv")
    (releases.project / "data" / "others.csv").write_text("plan\nbasic\n")
    done = releases.reproduce("v1.0.0")
    assert done.returncode == 5
    assert "data/others.csv has changed: its SHA-256 is" in done.stderr
    assert "1.0.0 could not be rebuilt" in slipway(releases.project, "status").stdout
