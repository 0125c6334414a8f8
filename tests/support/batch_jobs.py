"""Input files of the tiny model, and jobs over them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv, feather

from slipway.batch.job import BatchRequest, BatchResult, score_dataset
from slipway.batch.one_file import score_file
from slipway.batch.plan import Options
from slipway.batch.policy import Policy
from slipway.bundle.release_file import verify
from slipway.inference.scorer import load
from tests.support.bundles import answers


def some_rows(count: int, seed: int = 0) -> dict[str, Any]:
    """Rows that keep the contract, with nulls and strangers."""
    rng = np.random.default_rng(seed)
    seats = [
        None if hole else int(n) for n, hole in zip(rng.integers(1, 300, count), rng.random(count) < 0.1, strict=True)
    ]
    return {
        "id": [f"{seed}-{n:06}" for n in range(count)],
        "distance": rng.normal(size=count).tolist(),
        "seats": seats,
        "carrier": rng.choice(["AA", "UA", "00123"], count).tolist(),
        "tail": [None if n % 7 == 0 else f"N{n % 50}" for n in range(count)],
    }


def write_rows(path: Path, rows: dict[str, Any], **options: Any) -> Path:
    """Rows as a file of the kind that its suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({name: pa.array(values) for name, values in rows.items()})
    plain = path.name.removesuffix(".gz")
    if plain.endswith(".parquet"):
        pq.write_table(table, path, **options)
    elif plain.endswith((".arrow", ".feather")):
        feather.write_feather(table, path, compression="uncompressed")
    else:
        text = _csv(table) if plain.endswith(".csv") else _lines(table)
        path.write_bytes(gzip.compress(text, 1) if ".gz" in path.name else text)
    return path


def _csv(table: pa.Table) -> bytes:
    stream = pa.BufferOutputStream()
    csv.write_csv(table, stream)
    return bytes(stream.getvalue())


def _lines(table: pa.Table) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in table.to_pylist())


def run(
    source: Path | str, out: Path, bundle: Path, *, keep: tuple[str, ...] = (), max_bad: str = "0", part: int = 1 << 20,
    **more: Any,
) -> BatchResult:  # fmt: skip
    """One job."""
    request = BatchRequest(str(source), out, Options(keep, rows_per_part=part), Policy(max_bad), **more)
    return score_dataset(request, verify(bundle))


def score(source: Path | str, out: Path, bundle: Path, *, keep: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """One job into a single file."""
    verified = verify(bundle)
    scorer = load(verified.path, expected_digest=verified.digest)
    scorer.check_golden()
    return score_file(str(source), out, scorer, keep=keep, **more)


def probabilities(table: pa.Table) -> np.ndarray:
    """The answers in the order of the classes."""
    return np.column_stack([table[name].to_numpy() for name in table.column_names if name.startswith("probability_")])


def agree(table: pa.Table, rows: dict[str, Any]) -> None:
    """The answers are the model's, row for row."""
    np.testing.assert_allclose(probabilities(table), answers(rows), rtol=1e-12)


def joined(*some: dict[str, Any]) -> dict[str, Any]:
    """The rows of several files after one another."""
    return {name: [value for rows in some for value in rows[name]] for name in some[0]}


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a dataset but its manifest, which tells the time."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "_slipway.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
