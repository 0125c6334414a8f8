"""Whatever comes at once or too late, the order of releases holds: too slow for every run of the tests.

``python -m tests.workflows.order`` plays it with the real workflow files under act. What runs side by side here would wait
for its concurrency group on GitHub: act has none, so the commands must hold by themselves.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from tests.workflows.act import Run
from tests.workflows.months import green
from tests.workflows.team import SAMPLE, set_parameter
from tests.workflows.world import World, new_world


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="order-") as folder, new_world(Path(folder), private=False) as world:
        (world.team / "README.md").write_text("# Ours\n")
        green(world.push("feat: predict late flights"))
        green(world.deploy())
        for scene in (a_dry_run, two_at_once, during_a_rollout, a_slow_old_release, a_bad_pin_and_a_hotfix):
            scene(world)
            print(f"{scene.__name__}: tags {world.tags()}, Latest {world.latest()}", flush=True)


def a_dry_run(world: World) -> None:
    """It reports, and moves nothing; the default of the input is to do just that."""
    before = world.head("main")
    run = world.dispatched("retrain.yml", through="2013-03-20", via="push", **{"dry-run": "true"})
    assert run.jobs == {"rehearse": "success"}, run.why
    assert world.head("main") == before


def two_at_once(world: World) -> None:
    """Both rehearse from the same main; one pushes, the other is told that its rehearsal does not count any more."""
    runs = together(lambda: retrain(world, "2013-03-20"), lambda: retrain(world, "2013-03-21"))
    ended = sorted(run.jobs["push"] for run in runs)
    assert ended == ["failure", "success"], [run.why for run in runs]
    lost = next(run for run in runs if run.jobs["push"] == "failure")
    assert "changed since the rehearsal" in lost.log or "main moved on origin" in lost.log, lost.why
    assert "release" not in lost.jobs
    green(world.release())
    assert world.tags()[-1] == "v1.0.1"


def during_a_rollout(world: World) -> None:
    """v1.0.1 is being deployed while the next pin is rehearsed and pushed."""
    deployed, retrained = together(world.deploy, lambda: retrain(world, "2013-03-24"))
    green(deployed)
    green(retrained)
    assert world.latest() == "v1.0.1"
    green(world.release())
    assert world.tags()[-1] == "v1.0.2"


def a_slow_old_release(world: World) -> None:
    """v1.0.2 is tagged; v1.0.3 is tagged and deployed before it; then v1.0.2 comes."""
    old = world.github.next_dispatch(timeout=1)
    green(retrain(world, "2013-03-27"))
    green(world.release())
    green(world.deploy())
    assert world.latest() == "v1.0.3"
    late = world.deploy(old.ref)
    green(late)
    assert "train" not in late.jobs and "a newer release has been champion" in late.log
    assert world.latest() == "v1.0.3"


def a_bad_pin_and_a_hotfix(world: World) -> None:
    """Shuffled answers are pinned by hand and refused, and so is every fix after them until the pin is restored."""
    world.pull()
    good, settings = (world.team / SAMPLE).read_bytes(), (world.team / "slipway.toml").read_text()
    rows = pd.read_csv(world.team / SAMPLE)
    rows["arr_delay"] = rows["arr_delay"].sample(frac=1, random_state=0).to_numpy()
    bad = world.team / "data" / "bad.csv"
    rows.to_csv(bad, index=False)
    rehearsed = world.slipway("retrain", "--source", f"flights={bad}", "--rehearse", "--github", "--commit")
    assert rehearsed.returncode == 9, rehearsed.stderr
    by_hand = world.slipway("retrain", "--source", f"flights={bad}", "--commit")
    assert by_hand.returncode == 0, by_hand.stderr
    assert (world.team / SAMPLE).read_bytes() == good and (world.team / "slipway.toml").read_text() != settings
    refused(world, "fix(data): by hand", "v1.0.4")
    world.pull()
    set_parameter(world.team, "max_iter = 61")
    refused(world, "fix: a hotfix", "v1.0.5")
    restored = world.dispatched(
        "retrain.yml", restore="1.0.3", reason="shuffled answers", via="push", **{"dry-run": "false"}
    )
    green(restored)
    green(world.release())
    green(world.deploy())
    assert world.latest() == "v1.0.6"
    notes = json.loads(world.asset("v1.0.6", "verdict.json"))
    assert notes["verdict"] == "publish"


def retrain(world: World, through: str) -> Run:
    return world.dispatched("retrain.yml", through=through, via="push", **{"dry-run": "false"})


def refused(world: World, message: str, tag: str) -> None:
    green(world.push(message))
    assert world.tags()[-1] == tag
    assert world.deploy().jobs["verdict"] == "failure"
    assert world.latest() == "v1.0.3"


def together(*work: Callable[[], Run]) -> list[Run]:
    with ThreadPoolExecutor(len(work)) as pool:
        return [future.result() for future in [pool.submit(one) for one in work]]


if __name__ == "__main__":
    main()
