"""A job says how far it is, and how long it will take where that can be known."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.batch.progress import ProgressUpdate, progress_reporter
from tests.support.batch_jobs import run, some_rows, write_rows
from tests.support.bundles import make_bundle


def shown(tmp_path: Path, kind: str) -> list[ProgressUpdate]:
    seen: list[ProgressUpdate] = []
    source = write_rows(tmp_path / f"in.{kind}", some_rows(1000))
    run(source, tmp_path / "out", make_bundle(tmp_path / "r"), part=100, progress=progress_reporter(seen.append))
    return seen


def test_files_that_tell_their_rows_let_the_time_left_be_known(tmp_path: Path) -> None:
    seen = shown(tmp_path, "parquet")
    assert [(sign.rows, sign.total) for sign in seen] == [(n, 1000) for n in range(100, 1001, 100)]
    assert all(sign.rate > 0 for sign in seen)
    assert seen[-1].seconds_left == 0


def test_text_tells_rows_and_their_rate_alone(tmp_path: Path) -> None:
    seen = shown(tmp_path, "csv")
    assert [sign.total for sign in seen] == [None] * 10
    assert seen[0].seconds_left is None


@pytest.mark.parametrize(
    ("sign", "words"),
    [(ProgressUpdate(65_536, 1_000_000, 100_000.0), "65,536 of 1,000,000 rows, 100,000 rows/s, 0:09 left"),
     (ProgressUpdate(65_536, None, 1234.6), "65,536 rows, 1,235 rows/s")],
)  # fmt: skip
def test_a_sign_in_words(sign: ProgressUpdate, words: str) -> None:
    assert str(sign) == words


def test_an_earlier_runs_rows_do_not_count_as_speed(tmp_path: Path) -> None:
    source, bundle = write_rows(tmp_path / "in.parquet", some_rows(1000)), make_bundle(tmp_path / "r")
    with pytest.raises(ZeroDivisionError):
        run(source, tmp_path / "out", bundle, part=100, progress=lambda plan: lambda rows, place: 1 // (900 - rows))
    seen: list[ProgressUpdate] = []
    run(source, tmp_path / "out", bundle, part=100, progress=progress_reporter(seen.append))
    assert [sign.rows for sign in seen] == [900, 1000]
    assert seen[0].seconds_left is not None
