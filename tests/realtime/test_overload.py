"""Four times more than the model can do: what is accepted is answered in time, and the rest is told so at once.

``SLIPWAY_OVERLOAD_SECONDS`` is how long it lasts; with ``SLIPWAY_STRICT_TIMES=1`` the delay of accepted requests is
asserted and not just reported.
"""

from __future__ import annotations

import json
import math
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from slipway.bundle.release_file import folder_name
from tests.load_generator.apart import result_of
from tests.load_generator.load import Load, Question
from tests.load_generator.memory import resident
from tests.load_generator.result import Result
from tests.support.bundles import GOLDEN, answers, make_bundle, seal
from tests.support.running_server import Running, running

SECONDS = float(os.environ.get("SLIPWAY_OVERLOAD_SECONDS", "4"))
STRICT = os.environ.get("SLIPWAY_STRICT_TIMES") == "1"
OVER = 4
LEAST_GOODPUT = 0.7
MOST_MEMORY = 1.1
UNNOTICED_MEMORY = 16 << 20
"""So much may come and go in any process; a queue without a bound grows by more."""
WIDTH = 50_000
SINES = 20
"""With ``WIDTH`` numbers each, about 10 ms per row on one core; twice the rows take twice as long."""
ROWS = [{name: values[row] for name, values in GOLDEN.items()} for row in range(len(GOLDEN["distance"]))]
QUESTIONS = tuple(
    Question(json.dumps({"dataframe_records": [row]}).encode(), {"1.0.0": [answer]})
    for row, answer in zip(ROWS, answers(GOLDEN).tolist(), strict=True)
)


def make_slow_bundle(releases: Path, version: str = "1.0.0", *, bias: float = 0.0, sines: int = SINES) -> Path:
    """Seal a bundle that answers as ``bundles.answers`` says, late, and return its folder."""
    bundle = make_bundle(releases, version, bias=bias)
    (bundle / "model.onnx").write_bytes(slowed((bundle / "model.onnx").read_bytes(), sines))
    return bundle.rename(releases / folder_name(version, seal(bundle, version)))


def slowed(model_bytes: bytes, sines: int) -> bytes:
    """The model with a zero added to its score that takes many sines to compute.

    No exponential is below zero, so the negative part of their sum is exactly zero, which no optimizer knows.
    """
    model = onnx.load_from_string(model_bytes)
    score = next(node for node in model.graph.node if node.op_type == "Sum")
    at = list(model.graph.node).index(score)
    score.input.append("late_zero")
    for node in reversed(work(sines)):
        model.graph.node.insert(at, node)
    grid = np.linspace(0.5, 1.5, WIDTH).reshape(1, -1)
    model.graph.initializer.extend(
        [numpy_helper.from_array(grid, "grid"), numpy_helper.from_array(np.array([1]), "row")]
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def work(sines: int) -> list[onnx.NodeProto]:
    node, names = helper.make_node, [f"wave_{number}" for number in range(sines + 1)]
    return [
        node("Mul", ["distance", "grid"], [names[0]]),
        *(node("Sin", [before], [after]) for before, after in pairwise(names)),
        node("Exp", [names[-1]], ["positive"]),
        node("ReduceSum", ["positive", "row"], ["total"], keepdims=1),
        node("Neg", ["total"], ["negative"]),
        node("Relu", ["negative"], ["late_zero"]),
    ]


class Overloaded:
    """A server, and what it did before, during and after more than it can do."""

    def __init__(self, server: Running) -> None:
        self.before = capacity(server)
        self.memory_before = resident(server.process.pid)
        # Twice the connections that could be busy at once, so that none waits in the generator.
        self.during = result_of(Load(server.port, QUESTIONS, SECONDS, OVER * self.before.goodput, connections=256))
        self.memory_after = resident(server.process.pid)
        self.after = capacity(server)

    def told(self) -> str:
        """The figures, for whoever reads the report."""
        return (
            f"{self.before.goodput:.0f} answers/s before, {self.during.goodput:.0f} at {OVER} times that, "
            f"{self.after.goodput:.0f} after; p99 of the accepted {self.during.percentile(99) * 1e3:.1f} ms; "
            f"{self.memory_before >> 20} MB, then {self.memory_after >> 20} MB; {self.during.summary()}"
        )


def capacity(server: Running) -> Result:
    """The best of three closed loops: by chance, one may have all its connections with one worker."""
    probes = [result_of(Load(server.port, QUESTIONS, seconds=0.4, connections=5)) for _ in range(3)]
    return max(probes, key=lambda probe: probe.goodput)


@pytest.fixture(scope="module")
def overloaded(tmp_path_factory: pytest.TempPathFactory) -> Overloaded:
    with running(bundle=make_slow_bundle(tmp_path_factory.mktemp("releases"))) as server:
        overloaded = Overloaded(server)
    print(overloaded.told())
    return overloaded


def test_what_is_not_answered_is_refused_with_a_time_to_come_back(overloaded: Overloaded) -> None:
    during = overloaded.during
    assert during.problems == {}, overloaded.told()
    assert set(during.by_status) == {200, 503}, overloaded.told()
    assert sum(during.by_status.values()) == during.sent


def test_most_of_the_capacity_still_does_useful_work(overloaded: Overloaded) -> None:
    assert overloaded.during.goodput >= LEAST_GOODPUT * overloaded.before.goodput, overloaded.told()


def test_what_is_accepted_is_answered_and_in_time_where_times_count(overloaded: Overloaded) -> None:
    assert math.isfinite(overloaded.during.percentile(99))
    if STRICT:
        assert overloaded.during.is_valid, overloaded.told()
        assert overloaded.during.percentile(99) < 0.05, overloaded.told()


def test_no_memory_is_kept(overloaded: Overloaded) -> None:
    most = max(MOST_MEMORY * overloaded.memory_before, overloaded.memory_before + UNNOTICED_MEMORY)
    assert overloaded.memory_after <= most, overloaded.told()


def test_the_whole_capacity_is_there_right_after(overloaded: Overloaded) -> None:
    assert overloaded.after.problems == {}
    assert overloaded.after.goodput >= LEAST_GOODPUT * overloaded.before.goodput, overloaded.told()
