"""What a workflow's page says of a job: the numbers of its manifest, and no markup that came with the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from slipway.batch.summary import failure, summary
from slipway.errors import ContractError
from tests.support.batch_jobs import run, some_rows, write_rows
from tests.support.bundles import make_bundle


def cells(markdown: str) -> list[str]:
    """The text of every cell, as GitHub shows it."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    inline = [token for token in tokens if token.type == "inline" and token.level > 3]
    return ["".join(child.content for child in token.children or ()) for token in inline]


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_it_tells_rows_release_and_how_the_predictions_are_distributed(tmp_path: Path, task: Any) -> None:
    rows = some_rows(1000)
    rows["carrier"][3] = "ZZ"
    bundle = make_bundle(tmp_path / "r", task=task)
    told = run(write_rows(tmp_path / "in.csv", rows), tmp_path / "out", bundle, max_bad="1").manifest
    shown = summary(told)
    assert shown.startswith("## 999 rows scored by 1.2.3\n")
    found = cells(shown)
    assert found[6:9] == ["1,000", "999", "1"]
    outputs = told["predictions_distribution"]
    for label, count in outputs["prediction"].get("values", {}).items():
        assert found[found.index(label) + 1 :][:2] == [f"{count:,}", f"{count / 999:.1%}"]
    for name in [name for name, one in outputs.items() if "min" in one]:
        place = found.index(name)
        assert found[place + 1] == f"{outputs[name]['min']:.4g}"
        assert found[place + 6] == f"{outputs[name]['mean']:.4g}"
    assert shown.endswith("No anomalies found.")


def test_it_lists_the_anomalies(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.csv", {"distance": [1.0] * 30, "carrier": ["AA"] * 30})
    told = run(source, tmp_path / "out", make_bundle(tmp_path / "r")).manifest
    assert summary(told).partition("### Anomalies\n\n")[2].count("in all 30 rows") == 3


def test_classes_and_reasons_are_no_markup(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.csv", some_rows(30))
    told = run(source, tmp_path / "out", make_bundle(tmp_path / "r")).manifest
    hostile = "`|<img src=x>\n[a](b)"
    told["predictions_distribution"]["prediction"]["values"] = {hostile: 30}
    shown = MarkdownIt("commonmark").enable("table").render(summary(told))
    assert "<img" not in shown and "<a " not in shown
    assert "'|<img src=x> [a](b)" in cells(summary(told))
    refused = MarkdownIt("commonmark").render(failure(ContractError(f"row 3 holds\n{hostile}")))
    assert "<img" not in refused and "<a " not in refused
