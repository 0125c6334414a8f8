"""October, November and December by retrain.yml on all flights, which takes too long for every run of the tests.

``python -m tests.workflows.months`` runs the real workflow files under act and prints what came of each month; it stops
at the first thing that is not as it should be.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from tests.workflows.act import Run
from tests.workflows.world import World, new_world

MONTHS = {"1.0.1": "2013-10-31", "1.0.2": "2013-11-30", "1.0.3": "2013-12-31"}


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="months-") as folder,
        new_world(Path(folder), private=True, sample=False) as w,
    ):
        (w.team / "README.md").write_text("# Ours\n")
        green(w.push("feat: predict late flights"))
        green(w.deploy())
        tell(w, "1.0.0", "2013-09-30")
        for version, through in MONTHS.items():
            began = time.monotonic()
            retrain(w, version, through)
            print(
                f"{version}: retrain.yml, release.yml and deploy.yml took {time.monotonic() - began:.0f} s", flush=True
            )
        print(w.slipway("history").stdout)


def retrain(world: World, version: str, through: str) -> None:
    given = {"through": through, "reason": f"data through {through}", "via": "push"}
    green(world.dispatched("retrain.yml", **given, **{"dry-run": "false"}))
    green(world.release())
    green(world.deploy())
    tell(world, version, through)
    assert "is identical to that of the trial run" in world.asset(f"v{version}", "notes.md").decode()


def green(run: Run) -> None:
    assert run.green, run.why


def tell(world: World, version: str, through: str) -> None:
    """The release's lineage as its bundle has it on the serving host, and what its notes say of the rehearsal."""
    release = json.loads((world.target / "current" / "release.json").read_text())
    assert (release["version"], release["data"]["through"]) == (version, through)
    assert release["commit"] == world.head(f"v{version}^{{commit}}")
    assert world.latest() == f"v{version}"
    lines = world.asset(f"v{version}", "notes.md").decode().splitlines()
    said = next((line for line in lines if line.startswith("the model is")), "no rehearsal")
    scores = {name: round(value, 4) for name, value in release["scores"].items()}
    data = {name: digest[:12] for name, digest in release["data"].items()}
    print(f"{version}: data {data}, {scores}, model.onnx {release['files']['model.onnx'][:16]}; {said}", flush=True)


if __name__ == "__main__":
    main()
