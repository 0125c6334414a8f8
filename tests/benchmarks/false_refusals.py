"""How often the gate refuses a retrain that changed nothing: another seed, or the training days drawn again.

Run it with ``python -m tests.benchmarks.false_refusals``; ``--help`` has the options. What is published becomes the
next champion, so the best of the last ones is as lucky as in life. It prints each refusal and the rate.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import math
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from components.ingest.run import ingest
from components.package.run import package
from components.split.run import split
from components.train.run import train
from slipway.bundle.release_file import Bundle
from slipway.bundle.seal import seal
from slipway.bundle.verdict import Verdict
from slipway.contract.schema import read_contract
from slipway.gate.candidate import predictions_of
from slipway.gate.judge import judge
from slipway.gate.policy import GatePolicy, policy_of
from slipway.pipeline.candidate import Candidate
from slipway.settings.settings import Settings, load_settings
from slipway.statistics.metrics import score
from slipway.tables.data_frame import read_parquet, write_parquet
from slipway.versioning.checkout_version import Version

ROOT = Path(__file__).parents[2]
KINDS = ("seed", "days")
OLDER = 4
"""The champion and three recent releases."""


def rows(settings: Settings, through: str, share: float, folder: Path) -> None:
    """A share of the example's rows, as training and holdout."""
    data = settings.data
    sources = {name: source.model_dump() for name, source in data.sources.items()}
    function, contract = str(settings.root / data.function), settings.root / "contract.json"
    ingest(
        folder, contract=contract, function=function, sources=sources, target=data.target, time=data.time,
        through=through,
    )  # fmt: skip
    sampled = read_parquet(folder / "data.parquet").sample(frac=share, random_state=0).sort_values(data.time)
    write_parquet(sampled.reset_index(drop=True), folder / "data.parquet")
    days = settings.split.holdout_days
    split(folder, data=folder / "data.parquet", target=data.target, time=data.time, holdout_days=days)


def days_drawn_again(frame: pd.DataFrame, time: str, seed: int) -> pd.DataFrame:
    """As many whole days as there are, drawn with replacement."""
    of_day = frame.groupby(frame[time].dt.floor("D")).indices
    chosen = np.random.default_rng(seed).choice(np.array(list(of_day)), len(of_day))
    return frame.iloc[np.concatenate([of_day[pd.Timestamp(day)] for day in chosen])].reset_index(drop=True)


def retrained(settings: Settings, data: Path, folder: Path, kind: str, seed: int) -> Candidate:
    """A candidate of the same code and data that differs by chance alone."""
    time, target, contract = settings.data.time, settings.data.target, settings.root / "contract.json"
    trained, holdout = (folder if kind == "days" else data) / "train.parquet", data / "holdout.parquet"
    if not (folder / "metrics.json").exists():
        folder.mkdir(exist_ok=True)
        if kind == "days":
            write_parquet(days_drawn_again(read_parquet(data / "train.parquet"), time, seed), trained)
        train(
            folder, train=trained, contract=contract, target=target, estimator=settings.train.estimator,
            parameters=settings.train.parameters, preprocess=settings.train.preprocess, seed=seed,
        )  # fmt: skip
        package(folder, model=folder / "model.skops", train=trained, holdout=holdout, contract=contract)
    parts = json.loads((data / "split.json").read_text())
    places = folder / "model", trained, holdout, folder / "metrics.json"
    return _scored(Candidate("0", "runs:/0/model", *places, parts, {}, {}), target)


def _scored(made: Candidate, target: str) -> Candidate:
    contract, frame = read_contract(made.model / "contract.json"), read_parquet(made.holdout)
    made.scores.update(score(contract, frame[target].to_numpy(object), predictions_of(made, contract, frame)))
    made.metrics.write_text(json.dumps({"metrics": made.scores}))
    return made


def released(candidate: Candidate, number: int, into: Path) -> Bundle:
    version = Version(f"1.0.{number}", "c" * 40, dirty=False, exact=True)
    return seal(
        candidate, version.text, version.commit, Verdict("publish", (), True), name="null", lock_digest="", into=into
    )


def at_most(refused: int, of: int) -> float:
    """The largest true rate that is still believable with 95 %: Clopper and Pearson (1934), by halving."""
    low, high = refused / of, 1.0
    for _ in range(50):
        rate = (low + high) / 2
        seen = sum(math.comb(of, k) * rate**k * (1 - rate) ** (of - k) for k in range(refused + 1))
        low, high = (rate, high) if seen > 0.05 else (low, rate)
    return high


def judged(settings: Settings, policy: GatePolicy, folder: Path, kind: str, retrains: int) -> None:
    """A life of nothing but null retrains: what is published is the next champion, as it would be."""
    broken, found, refused = Counter[str](), [], 0
    older: list[Bundle] = []
    for number in range(retrains + OLDER):
        candidate = retrained(settings, folder, folder / f"{kind}-{number}", kind, number + 1)
        if number >= OLDER:
            verdict = judge(candidate, older[0], older[1:OLDER], policy)
            found += [r.found for r in verdict.rules if r.rule.startswith("champion.") and isinstance(r.found, float)]
            refused += bool(verdict.broken)
            broken.update(rule.rule for rule in verdict.broken)
            why = "; ".join(rule.why for rule in verdict.broken) or "published"
            print(f"{kind} {number - OLDER + 1}: {why}", file=sys.stderr, flush=True)
        if number < OLDER or not verdict.broken:
            older.insert(0, released(candidate, number, folder / f"{kind}-bundles-{policy.margin}"))
    print(
        f"{kind}: {refused} of {retrains} refused ({refused / retrains:.1%}, at most {at_most(refused, retrains):.1%} "
        f"with 95 %), {dict(broken)}; beside the champion from {min(found):+.4f} to {max(found):+.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--retrains", type=int, default=50, help="of each kind")
    parser.add_argument("--kind", choices=KINDS, action="append", help="what chance it is; by default both")
    parser.add_argument("--share", type=float, default=1.0, help="of the rows")
    parser.add_argument("--through", type=datetime.date.fromisoformat, help="the last day of the holdout")
    parser.add_argument(
        "--folder", type=Path, help="where candidates are kept, and those of an earlier call taken from"
    )
    parser.add_argument("--margin", type=float, help="instead of the one in slipway.toml")
    parser.add_argument("--slice-margin", type=float, help="instead of the one in slipway.toml")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    settings = load_settings(ROOT / "slipway.toml")
    margins = {"margin": given.margin, "slice_margin": given.slice_margin}
    policy = replace(policy_of(settings), **{name: value for name, value in margins.items() if value is not None})
    through = given.through or settings.data.through
    with tempfile.TemporaryDirectory(prefix="null-") as place:
        folder = given.folder or Path(place)
        if not (folder / "split.json").exists():
            folder.mkdir(exist_ok=True)
            rows(settings, through.isoformat() if through else "", given.share, folder)
        for kind in given.kind or KINDS:
            judged(settings, policy, folder, kind, given.retrains)


if __name__ == "__main__":
    main()
