"""Days of rows for the tiny model, of which each day is a little different; and its bundle with a reference of some."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from slipway.drift.detect import DriftRequest, detect
from slipway.drift.reference import ReferenceSide
from slipway.drift.result import Drift
from slipway.drift.windows import Threshold
from slipway.statistics.build_reference import reference_of
from slipway.statistics.reference import encode_reference, predictions_by_output
from slipway.statistics.time_blocks import calendar_numbers
from slipway.tables.prediction_log import LoggedPrediction
from tests.support.bundles import answers, flip, labels, make_bundle, make_contract
from tests.support.projects import EXAMPLES

Columns = dict[str, Any]
CONTRACT = make_contract()
INPUTS = [column.name for column in CONTRACT.inputs]


def days(
    count: int = 30, per_day: int = 60, *, start: str = "2013-09-01", seed: int = 0, shift: float = 0.0
) -> Columns:
    """Rows by day: a day's weather moves all its distances, and ``shift`` those of every day."""
    rng, rows = np.random.default_rng(seed), count * per_day
    day = np.repeat(np.arange(count), per_day)
    weather = rng.normal(size=count)
    moments = np.datetime64(start, "us") + day.astype("timedelta64[D]") + rng.integers(0, 86_400, rows).astype("m8[s]")
    return {
        "time": moments,
        "distance": rng.normal(size=rows) + weather[day] + shift,
        "seats": np.where(rng.random(rows) < 0.1, np.nan, rng.integers(1, 300, rows)),
        "carrier": rng.choice(np.array(["AA", "UA", "00123"], dtype=object), rows),
        "tail": np.array([None if n % 7 == 0 else f"N{n % 50}" for n in rng.permutation(rows)], dtype=object),
    }


def predicted(rows: Columns, bias: float = 0.0) -> Columns:
    """What the model says to them, by the names of its outputs."""
    plain = {**rows, "seats": [None if np.isnan(n) else n for n in rows["seats"]]}
    numbers = answers(plain, bias=bias)
    return predictions_by_output(CONTRACT, numbers, np.array(labels(numbers), dtype=object))


def reference_bytes(rows: Columns, block: str = "day", training: Columns | None = None) -> bytes:
    """The reference that packaging would leave of these rows."""
    inputs, made = {name: rows[name] for name in INPUTS}, predicted(rows)
    numbers = calendar_numbers(rows["time"], block) if block != "row" else np.zeros(len(rows["time"]), np.int64)
    time = "time" if block != "row" else ""
    return encode_reference(
        reference_of({**inputs, **made}, numbers, time=time, block=block, predictions=made, training=training or inputs)
    )


def bundle_of(folder: Path, rows: Columns, block: str = "day", version: str = "1.2.3") -> Path:
    """A bundle whose reference are these rows."""
    return make_bundle(folder, version, reference=reference_bytes(rows, block))


def written(path: Path, rows: Columns, **more: Any) -> Path:
    """Rows as Parquet."""
    columns = {**rows, **more}
    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), path)
    return path


def joined(*some: Columns) -> Columns:
    """Rows after one another."""
    return {name: np.concatenate([rows[name] for rows in some]) for name in some[0]}


SETTINGS = (EXAMPLES / "daily_flights" / "slipway.toml").read_text()


def project(folder: Path, rows: Columns) -> Path:
    """A folder with settings and a champion whose reference are the rows; returns the settings."""
    target = folder / ".slipway" / "target"
    flip(target, bundle_of(target / "releases", rows))
    (folder / "slipway.toml").write_text(SETTINGS)
    return folder / "slipway.toml"


BAR = Threshold(0.01, 0.1)
SEPTEMBER = days()
CALM = days(14, start="2013-10-01", seed=1)
MOVED = days(14, start="2013-10-01", seed=1, shift=3.0)


def found(against: ReferenceSide, place: Path, **more: object) -> Drift:
    """What is said of a place."""
    return detect(against, DriftRequest(str(place), BAR, **more))  # type: ignore[arg-type]


def log(folder: Path, rows: Columns, release: str = "1.2.3") -> None:
    """The rows as the server's log of requests of ten rows."""
    folder.mkdir()
    order = np.argsort(rows["time"])
    lines = []
    for n in range(0, len(order), 10):
        some = {name: values[order[n : n + 10]] for name, values in rows.items()}
        inputs = {name: [None if v is None or v != v else v for v in some[name].tolist()] for name in INPUTS}
        moment = some["time"][0].astype(datetime).replace(tzinfo=UTC)
        name, answer = f"request {n // 10}", [[0.5, 0.3, 0.2]] * 10
        lines.append(LoggedPrediction(moment, release, "d" * 12, name, 10, inputs, answer, ["late"] * 10))
    encoded = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    (folder / "predictions-0-20131001T000000.0Z.jsonl").write_bytes(encoded)
