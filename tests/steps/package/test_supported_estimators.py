"""The documentation lists exactly what the compiler has a converter for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slipway.steps.package.compiler.compile import CLASSIFIERS, REGRESSORS
from slipway.steps.package.compiler.transformers import CONVERTERS

REFERENCE = Path(__file__).parents[3] / "docs" / "reference.md"


@pytest.mark.parametrize(
    ("place", "known"), [("classifiers", CLASSIFIERS), ("regressors", REGRESSORS), ("preprocessing", CONVERTERS)]
)
def test_the_reference_lists_every_class_that_compiles(place: str, known: dict[type, object]) -> None:
    (row,) = re.findall(rf"^\| {place} \| (.*) \|$", REFERENCE.read_text(), re.MULTILINE)
    assert re.findall(r"`(\w+)`", row) == sorted(kind.__name__ for kind in known)
