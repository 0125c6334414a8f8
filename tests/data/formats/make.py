"""Lets one commit's `slipway` live three small lives and keeps what it wrote, for later commits to read.

From a checkout of that commit, after `make setup` there:

    python tests/data/formats/make.py .venv/bin/slipway tests/data/formats/<commit>

It knows the command line only and imports nothing of Slipway, so it runs at any commit. What it made is never made
again: it is the past. README.md says what each file is.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

IGNORED = ".slipway/\nmlflow.db*\nmlartifacts/\n__pycache__/\n"
INGEST = '''"""Rows of a file, as they are."""

import pandas as pd


def features(files):
    return pd.read_csv(files["rows"]{times})
'''
PARCELS = """\
name = "parcels"
task = "classification"

[data]
function = "ingest.py:features"
target = "arrival"
classes = ["on_time", "late"]
time = "time"

[data.sources.rows]
uri = "rows.csv"
sha256 = "{sha256}"

[features]
weight = "double"
distance = {{ type = "double", nullable = true }}
pieces = "long"
depot = "string"

[split]
by = "time"
holdout_days = 10

[train]
estimator = "sklearn.ensemble.HistGradientBoostingClassifier"

[train.parameters]
max_iter = 28
max_leaf_nodes = 5
learning_rate = 0.2

[gate]
block = "day"
slices = ["depot"]
slice_margin = 0.2
minimum_slice_rows = 50

[gate.minimum]
roc_auc = 0.6
"""
RENTS = """\
name = "rents"
task = "regression"

[data]
function = "ingest.py:features"
target = "rent"

[data.sources.rows]
uri = "rows.csv"
sha256 = "{sha256}"

[features]
area = "double"
rooms = "long"

[split]
holdout_share = 0.3

[train]
estimator = "sklearn.linear_model.Ridge"

[train.parameters]
alpha = 1.0

[gate]
minimum_holdout_rows = 20
"""
FLOWERS = """\
name = "flowers"
task = "classification"

[data]
function = "ingest.py:features"
target = "kind"
classes = ["aster", "daisy", "poppy"]

[data.sources.rows]
uri = "rows.csv"
sha256 = "{sha256}"

[features]
petal = "double"
stem = "double"
colour = "string"

[split]
holdout_share = 0.3

[train]
estimator = "sklearn.neighbors.KNeighborsClassifier"

[train.parameters]
n_neighbors = 5

[gate]
minimum_holdout_rows = 20
"""
Rows = list[dict[str, Any]]


def parcel_rows(count: int, first_day: int, days: int, seed: int) -> Rows:
    """Days of parcels; the heavy and the far ones are late."""
    drawn, rows = random.Random(seed), []  # noqa: S311  # rows, no secrets
    for n in range(count):
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=first_day + days * n / count)
        weight, distance = round(drawn.gauss(0, 1), 3), round(drawn.gauss(0, 1), 3)
        depot = drawn.choice(["west", "north", "south"])
        late = weight + distance + (depot == "west") + drawn.gauss(0, 0.4) > 0.4
        row = {"weight": weight, "distance": distance if drawn.random() > 0.1 else "", "pieces": drawn.randint(1, 9)}
        rows.append(row | {"depot": depot, "time": f"{at:%F %T}", "arrival": "late" if late else "on_time"})
    return rows


def rent_rows(count: int, seed: int) -> Rows:
    """Flats; space costs."""
    drawn, rows = random.Random(seed), []  # noqa: S311  # rows, no secrets
    for _ in range(count):
        area, count_of_rooms = round(drawn.uniform(20, 140), 1), drawn.randint(1, 5)
        rent = round(9 * area + 60 * count_of_rooms + drawn.gauss(0, 40), 2)
        rows.append({"area": area, "rooms": count_of_rooms, "rent": rent})
    return rows


def flower_rows(count: int, seed: int) -> Rows:
    """Three kinds that differ in size and colour."""
    drawn, rows = random.Random(seed), []  # noqa: S311  # rows, no secrets
    for n in range(count):
        kind = ("aster", "daisy", "poppy")[n % 3]
        petal, stem = round(drawn.gauss(n % 3, 0.3), 3), round(drawn.gauss(2 - n % 3, 0.5), 3)
        rows.append({"petal": petal, "stem": stem, "colour": drawn.choice([kind[0], "white"]), "kind": kind})
    return rows


class Project:
    """A project in a git repository, and the commit's `slipway` on it."""

    def __init__(self, program: Path, work: Path, settings: str, rows: Rows, times: str = "") -> None:
        self.program, self.folder, self.made = program.absolute(), work / "project", work / "made"
        self.folder.mkdir(parents=True)
        self.made.mkdir()
        (self.made / "root").write_text(str(self.folder))
        sha256 = write_csv(self.folder / "rows.csv", rows)
        (self.folder / "slipway.toml").write_text(settings.format(sha256=sha256))
        (self.folder / "ingest.py").write_text(INGEST.format(times=times))
        (self.folder / ".gitignore").write_text(IGNORED)
        self.slipway("contract", "write")
        self.git("init", "-q", "-b", "main", "--template=")
        self.commit("v1.0.0")

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True)

    def commit(self, tag: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", f"feat: {tag}")
        self.git("tag", tag)

    def slipway(self, *arguments: str) -> str:
        """What a command that ends well says on stdout."""
        print("slipway", *arguments, file=sys.stderr, flush=True)
        command = [self.program, *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.PIPE, text=True).stdout

    def ship_next(self, tag: str, old: str, new: str) -> None:
        """Change the settings, commit, tag and ship."""
        settings = self.folder / "slipway.toml"
        text = settings.read_text()
        assert text.count(old) == 1, old
        settings.write_text(text.replace(old, new))
        self.commit(tag)
        self.slipway("ship")

    def keep(self, rows: Rows) -> None:
        """Keep what it says of itself, the rows, a dataset of them, and the server's answers and log of them."""
        self.say("status", "status")
        self.say("history", "history")
        (self.made / "rows").mkdir()
        write_csv(self.made / "rows" / "rows.csv", rows)
        self.slipway("batch", str(self.made / "rows"), str(self.made / "scores"))
        self.say("drift-of-scores", "drift", str(self.made / "scores"))
        (self.made / "predictions").mkdir()
        with self.served("--log-predictions", str(self.made / "predictions")) as url:
            asked = [{"dataframe_records": typed(rows[n : n + 20])} for n in range(0, len(rows), 20)]
            answers = [{"request": one, "answer": post(f"{url}/invocations", one)} for one in asked]
        (self.made / "answers.json").write_text(json.dumps(answers))

    def say(self, name: str, *arguments: str) -> None:
        """Keep what a command says as JSON."""
        (self.made / f"{name}.json").write_text(self.slipway(*arguments, "--json"))

    @contextmanager
    def served(self, *options: str) -> Iterator[str]:
        """The address at which its champion answers meanwhile."""
        log = self.folder.with_name("server.log")
        with log.open("w") as file:
            command = [self.program, "serve", "--port", "0", "--workers", "1", *options]
            server = subprocess.Popen(command, cwd=self.folder, stdout=file, stderr=file)
        try:
            while not (found := re.search(r"serving \S+ on (http\S+)", log.read_text())):
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
            yield found[1]
        finally:
            server.terminate()
            server.wait(timeout=30)
            log.unlink()

    def pack(self, archive: Path) -> None:
        """All of it as one file; links stay links."""
        with tarfile.open(archive, "w:xz", preset=9) as tar:
            tar.add(self.folder, "project")
            tar.add(self.made, "made")
        shutil.rmtree(self.folder.parent)
        print(archive, archive.stat().st_size)


def write_csv(path: Path, rows: Rows) -> str:
    """The sha256 of the file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def typed(rows: Rows) -> Rows:
    """Rows as a client asks about them: without what only the future knows, and null where a CSV has nothing."""
    known = [name for name in rows[0] if name not in {"time", "arrival", "rent", "kind"}]
    return [{name: None if row[name] == "" else row[name] for name in known} for row in rows]


def post(url: str, request: dict[str, Any]) -> Any:
    """The answer to a request."""
    asked = urllib.request.Request(url, json.dumps(request).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.loads(answer.read())


def parcels(program: Path, work: Path) -> Project:
    """Compiled, along a calendar; a bad release was left behind for good, and the hold lifted."""
    project = Project(program, work, PARCELS, parcel_rows(1_200, 0, 40, 1), times=', parse_dates=["time"]')
    project.slipway("ship")
    project.ship_next("v1.1.0", "max_iter = 28", "max_iter = 29")
    project.slipway("rollback", "--reason", "parcels from the north are late")
    project.slipway("resume", "--reason", "fixed in 1.2.0")
    project.ship_next("v1.2.0", "max_iter = 29", "max_iter = 30")
    project.keep(parcel_rows(400, 40, 10, 2))
    return project


def rents(program: Path, work: Path) -> Project:
    """Compiled, a regression; rolled back, and the hold lasts. With a backup of all that."""
    project = Project(program, work, RENTS, rent_rows(200, 3))
    project.slipway("ship")
    project.ship_next("v1.1.0", "alpha = 1.0", "alpha = 0.9")
    project.slipway("rollback", "--reason", "rents of one room are too low")
    project.keep(rent_rows(40, 4))
    project.say("drift-of-predictions", "drift", str(project.made / "predictions"))
    project.slipway("backup", str(project.made / "backup.tar.gz"))
    return project


def flowers(program: Path, work: Path) -> Project:
    """Served by scikit-learn itself, from model.skops."""
    project = Project(program, work, FLOWERS, flower_rows(180, 5))
    project.slipway("ship")
    project.ship_next("v1.1.0", "n_neighbors = 5", "n_neighbors = 7")
    project.keep(flower_rows(60, 6))
    project.say("drift-of-predictions", "drift", str(project.made / "predictions"))
    return project


def main(arguments: Sequence[str]) -> None:
    """Make the three archives."""
    program, out = map(Path, arguments)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="slipway-formats-") as work:
        for live in (parcels, rents, flowers):
            live(program, Path(work, live.__name__)).pack(out / f"{live.__name__}.tar.xz")


if __name__ == "__main__":
    main(sys.argv[1:])
