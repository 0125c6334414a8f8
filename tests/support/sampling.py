"""Of a large count, such as a kill at every write, `make test` runs a seeded sample, and `make test-all` every one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

Case = TypeVar("Case")
ALL = os.environ.get("SLIPWAY_ALL_CASES") == "1"


def sample(cases: Iterable[Case], kind: Callable[[Case], object]) -> list[Case]:
    """A quarter of the cases of each kind and at least one, always the same; with ``SLIPWAY_ALL_CASES=1`` all of them."""
    random, by_kind = np.random.default_rng(0), dict[object, list[Case]]()
    for case in cases:
        by_kind.setdefault(kind(case), []).append(case)
    if ALL:
        return [case for some in by_kind.values() for case in some]
    chosen = {name: random.choice(len(some), -(-len(some) // 4), replace=False) for name, some in by_kind.items()}
    return [some[place] for name, some in by_kind.items() for place in sorted(chosen[name])]
