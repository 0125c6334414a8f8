"""Package: compile the model to ONNX, prove that it predicts the same, and wrap it for MLflow without a pickle."""

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
) -> dict[str, float]:
    """Write ``model/``, an MLflow model directory with ``model.onnx`` and the proof that it is exact.

    What cannot be compiled exactly is packaged as ``model.skops`` and said aloud. ``reference.json`` says how the
    holdout and the predictions for it are distributed, by ``block`` of the column ``time``.

    Raises:
        ContractError: the model, the holdout and the contract disagree.
        DataError: the holdout has no column ``time``.
    """
    fitted, public = load_model(model), read_contract(contract)
    trained, held = read_parquet(train), read_parquet(holdout)
    compiled = compile_exactly(fitted, public, held, trained, seed)
    return write_package(
        out / "model",
        model,
        contract,
        compiled,
        train=trained,
        holdout=held,
        time=time,
        block=block or "row",
        seed=seed,
    )


if __name__ == "__main__":
    main(package)
