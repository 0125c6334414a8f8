"""Everything that is measured of one server in one round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.benchmarks.serving.closed import closed_loop
from tests.benchmarks.serving.open import beside_large, knee
from tests.benchmarks.serving.questions import Golden
from tests.benchmarks.serving.servers import Server, Started, started
from tests.load_generator.apart import result_of
from tests.load_generator.load import Load
from tests.load_generator.processes import resident

_SMALL_RATE = 20.0
"""Requests a second beside the large ones: few enough for every server."""


@dataclass(frozen=True)
class Plan:
    """How long and with what to measure.

    Args:
        shapes: rows of a request and number of connections of each closed loop.
        seconds: length of each closed loop, and of each rate of the open loop.
    """

    shapes: tuple[tuple[int, int], ...]
    seconds: float
    open_loop: bool
    large: bool


def measured(server: Server, golden: Golden, plan: Plan, tell: Callable[[str], None]) -> dict[str, float]:
    """All figures of a server, which is started for them and stopped again."""
    with started(server, golden.questions(1, server.form)[0]) as running:
        load = Load(
            running.port, golden.questions(1, server.form), plan.seconds, path=server.path, headers=server.headers
        )
        tell(f"right answer after {running.seconds:.2f} s")
        check(replace(load, seconds=1.0, connections=4))
        figures = {"start to first right answer, s": running.seconds}
        if plan.large:
            return figures | _beside_large(load, golden, server)
        return figures | _under_load(load, golden, server, plan, running, tell)


def check(load: Load) -> None:
    """Warm the server up, and see that it answers right.

    Raises:
        SystemExit: it does not.
    """
    result = result_of(load)
    if result.problems or set(result.by_status) != {200}:
        raise SystemExit(f"not every answer was right: {result.summary()}")


def _under_load(
    load: Load, golden: Golden, server: Server, plan: Plan, running: Started, tell: Callable[[str], None]
) -> dict[str, float]:
    figures, rates = dict[str, float](), list[float]()
    for rows, connections in plan.shapes:
        name = f"{rows:,} row{'s' if rows > 1 else ''} x {connections}"
        asked = replace(load, questions=golden.questions(rows, server.form), connections=connections)
        check(replace(asked, seconds=0.1))
        found = closed_loop(asked)
        tell(f"{name}: " + ", ".join(f"{value:.4g} {unit}" for unit, value in found.items()))
        figures |= {f"{name}, {unit}": value for unit, value in found.items()}
        rates += [found["requests/s"]] if rows == 1 else []
    if plan.open_loop:
        figures["open loop in time, requests/s"] = knee(replace(load, connections=256), 1.25 * max(rates), tell)
    return figures | {"resident memory, MB": resident(running.pid) / 1e6}


def _beside_large(load: Load, golden: Golden, server: Server) -> dict[str, float]:
    large = replace(load, questions=golden.questions(10_000, server.form), connections=1, patience=60.0)
    return beside_large(replace(load, rate=_SMALL_RATE, patience=60.0), large)
