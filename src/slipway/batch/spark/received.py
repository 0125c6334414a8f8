"""What came back from a task: errors are raised, files get their place in the dataset, whole and with their digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pyarrow as pa

from slipway.batch.output.checkpoint import Record, Work
from slipway.errors import SparkError, error_for
from slipway.storage import atomic

Told = dict[str, Any]


def told_in(answer: pa.Table) -> Told:
    """What a task told at its end.

    Raises:
        SlipwayError: the task met an error of ours.
    """
    for error in answer["error"].drop_null().to_pylist():
        told = json.loads(error)
        raise (error_for(told["exit_code"]) or SparkError)(told["message"])
    (last,) = answer["told"].drop_null().to_pylist()
    found: Told = json.loads(last)
    return found


def keep(work: Work, answer: pa.Table) -> Told:
    """Write the files of a part and its record, as if it had been made here.

    Raises:
        SparkError: the bytes are not those that the task wrote.
        StorageError: the disk is full or the like.
    """
    told = told_in(answer)
    record = Record(**told["record"])
    for name, sha256 in {record.name: record.sha256, **record.quarantine}.items():
        content = _content(answer, name)
        if (came := hashlib.sha256(content).hexdigest()) != sha256:
            raise SparkError(f"{name} came from Spark with the sha256 {came} but was made with {sha256}")
        path = work.dataset / name
        path.parent.mkdir(exist_ok=True)
        atomic.write_file(path, content)
    work.keep(record)
    return told


def _content(answer: pa.Table, name: str) -> bytes:
    slices = zip(answer["file"], answer["content"], strict=True)
    return b"".join(content.as_buffer() for file, content in slices if file.as_py() == name)
