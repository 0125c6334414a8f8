"""The pipeline, top to bottom: six components build a candidate from the data pin, and change nothing else.

`slipway run`, `slipway ship` and `mlflow run .#pipeline` all run it. Each step is a folder in `components/`.
"""

from __future__ import annotations

from slipway.pipeline.candidate import Candidate
from slipway.pipeline.flow import Flow
from slipway.pipeline.parameters import ingest_parameters, validate_parameters
from slipway.pipeline.run import main


def steps(flow: Flow) -> Candidate:
    """From pinned files to a fitted, evaluated and packaged model."""
    settings, contract = flow.settings, flow.contract
    data, train, target = settings.data, settings.train, settings.data.target
    block, own_classes = settings.gate.block or "row", ",".join([train.estimator, *train.own_classes])

    rows = flow.step("ingest", **ingest_parameters(settings, contract)).files / "data.parquet"
    _, split = flow.run_in_parallel(
        ("validate", validate_parameters(settings, contract, rows)),
        ("split", {"data": rows, "target": target, "time": data.time, "by": settings.split.by,
                   "holdout_days": settings.split.holdout_days, "holdout_share": settings.split.holdout_share,
                   "key": ",".join(settings.split.key)}),
    )  # fmt: skip
    trained, holdout = split.files / "train.parquet", split.files / "holdout.parquet"
    fitted = flow.step(
        "train", train=trained, contract=contract, target=target, estimator=train.estimator,
        parameters=train.parameters, preprocess=train.preprocess, seed=train.seed, own_classes=own_classes,
    )  # fmt: skip
    model = fitted.files / "model.skops"
    evaluate, package = flow.run_in_parallel(
        ("evaluate", {"model": model, "holdout": holdout, "contract": contract, "target": target, "time": data.time,
                      "block": block, "slices": list(settings.evaluate.slices), "seed": train.seed,
                      "own_classes": own_classes}),
        ("package", {"model": model, "train": trained, "holdout": holdout, "contract": contract, "time": data.time,
                     "block": block, "seed": train.seed, "own_classes": own_classes}),
    )  # fmt: skip
    return flow.candidate(split=split, evaluate=evaluate, package=package)


if __name__ == "__main__":
    main(steps)
