"""The same work as `slipway run` in one bare process: no MLflow store, no isolation, no records, no cache."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from components.evaluate.run import evaluate
from components.ingest.run import ingest
from components.package.run import package
from components.split.run import split
from components.train.run import train
from components.validate.run import validate
from slipway.settings.settings import load_settings

settings = load_settings(Path(sys.argv[1]))
data, target = settings.data, settings.data.target
contract = settings.root / "contract.json"
out = Path(tempfile.mkdtemp(prefix="bare-"))
sources = {name: source.model_dump() for name, source in data.sources.items()}
function = str(settings.root / data.function)
ingest(
    out, contract=contract, function=function, sources=sources, target=target, time=data.time,
    through=data.through.isoformat() if data.through else "",
)  # fmt: skip
rows, trained, holdout = out / "data.parquet", out / "train.parquet", out / "holdout.parquet"
validate(out, data=rows, contract=contract, target=target, time=data.time, expectations=settings.validation)
split(out, data=rows, target=target, time=data.time, holdout_days=settings.split.holdout_days)
train(
    out, train=trained, contract=contract, target=target, estimator=settings.train.estimator,
    parameters=settings.train.parameters, preprocess=settings.train.preprocess, seed=settings.train.seed,
)  # fmt: skip
model = out / "model.skops"
evaluate(
    out, model=model, holdout=holdout, contract=contract, target=target, time=data.time, block=settings.gate.block,
    slices=list(settings.evaluate.slices),
)  # fmt: skip
package(out, model=model, train=trained, holdout=holdout, contract=contract)
