"""Build ``_slipway.json``, the manifest of a dataset. It is written last, and its digest leaves out all times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slipway.batch.output.checkpoint import PartRecord
from slipway.batch.plan import Plan
from slipway.batch.scoring.column_statistics import summarize
from slipway.contract.schema import Contract
from slipway.errors import DataError
from slipway.tables.dataset_manifest import manifest_digest


def manifest_of(plan: Plan, contract: Contract, records: Sequence[PartRecord], folder: Path) -> dict[str, Any]:
    """Return everything in the manifest that is the same in every run of the job; its parts are in ``folder``.

    Raises:
        DataError: a row was not scored and not quarantined.
    """
    rows = [sum(record.files.get(str(number), 0) for record in records) for number in range(len(plan.inputs))]
    measures = summarize([record.measures for record in records if record.rows])
    outputs = {column.name for column in contract.outputs}
    return {
        **plan.identity,
        "job": plan.job,
        "inputs": [{**file.manifest_entry(), "rows": count} for file, count in zip(plan.inputs, rows, strict=True)],
        "rows": count_rows(plan, records),
        "columns": {field.name: str(field.type) for field in plan.schema},
        "parts": [_part_entry(record, folder) for record in records],
        "quarantine": {name: sha256 for record in records for name, sha256 in record.quarantine.items()},
        "inputs_distribution": {name: value for name, value in measures.items() if name not in outputs},
        "predictions_distribution": {name: value for name, value in measures.items() if name in outputs},
    }


def count_rows(plan: Plan, records: Sequence[PartRecord]) -> dict[str, int]:
    """Count the rows that were read (``in``), ``scored`` and ``quarantined``.

    Raises:
        DataError: a row was not scored and not quarantined.
    """
    rows, scored, quarantined = (
        sum(getattr(record, key) for record in records) for key in ("rows_in", "rows", "quarantined")
    )
    if rows != scored + quarantined:
        raise DataError(
            f"{rows} rows of {plan.source} were read, but {scored} were scored and {quarantined} quarantined; "
            "nothing was published"
        )
    return {"in": rows, "scored": scored, "quarantined": quarantined}


def _part_entry(record: PartRecord, folder: Path) -> dict[str, Any]:
    size = (folder / record.name).stat().st_size
    return {"name": record.name, "sha256": record.sha256, "bytes": size, "rows": record.rows}


def encode_manifest(manifest: Mapping[str, Any], **undigested: Any) -> bytes:
    """Encode the manifest with its digest; ``undigested`` are the keys that the digest leaves out."""
    complete = {"digest": manifest_digest(manifest), **manifest, **undigested}
    return json.dumps(complete, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
