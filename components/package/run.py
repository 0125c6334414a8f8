"""Package: compile the model to ONNX, check that its predictions are the same, and save it for MLflow without pickles."""

from __future__ import annotations

from pathlib import Path

from slipway.pipeline.component import main
from slipway.steps.package import compile_exactly, load_model, read_contract, read_parquet, write_package


def package(
    out: Path,
    *,
    model: Path,
    train: Path,
    holdout: Path,
    contract: Path,
    time: str = "",
    block: str = "row",
    seed: int = 0,
    own_classes: str = "",
) -> dict[str, float]:
    """Write ``model/``, an MLflow model directory with ``model.onnx`` and the result of the parity check.

    A model that cannot be compiled exactly is packaged as ``model.skops``, and the log says so. ``reference.json``
    describes the distribution of the holdout and its predictions, by ``block`` of the column ``time``.

    Raises:
        ContractError: the model, the holdout and the contract disagree.
        DataError: the holdout has no column ``time``.
    """
    own = own_classes.split(",") if own_classes else []
    fitted, public = load_model(model, own), read_contract(contract)
    trained, held = read_parquet(train), read_parquet(holdout)
    compiled = compile_exactly(fitted, public, held, trained, seed)
    return write_package(
        out / "model", model, contract, compiled,
        train=trained, holdout=held, time=time, block=block or "row", seed=seed, own_classes=own,
    )  # fmt: skip


if __name__ == "__main__":
    main(package)
