"""One loaded bundle that predicts: the same checks and the same numbers for batch, real time and the proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from slipway.bundle.golden import golden_difference
from slipway.bundle.release_file import Bundle, GoldenRows, decode_golden, verify_and_read
from slipway.contract.schema import Column, Contract, decode_contract
from slipway.contract.validation import Violation, violations
from slipway.errors import BundleError, ContractError
from slipway.inference.engines import Array, Columns, Engine, OnnxEngine, Predictions, skops_engine

_FILES = {"onnx": "model.onnx", "skops": "model.skops"}


class Scorer:
    """A verified bundle, ready to predict. It may be shared by threads."""

    def __init__(self, bundle: Bundle, contract: Contract, golden: GoldenRows, engine: Engine) -> None:
        self.bundle = bundle
        self.contract = contract
        self.golden = golden
        self.engine = engine

    def predict(self, columns: Columns, *, labels: bool = True) -> Predictions:
        """Check the rows and predict them.

        Args:
            labels: False spares the cost of the labels, where only the numbers are wanted.
            columns: a float64 array (NaN for null) per number or boolean, an object array of str or None per
                string; a nullable column may be absent, and columns that the contract does not name are ignored.

        Raises:
            ContractError: a value breaks the contract; the message names row, column, what came and what was expected.
        """
        columns = self.complete_columns(columns)
        if problems := self.find_violations(columns, limit=1):
            raise ContractError(str(problems[0]))
        return self.predict_checked(columns, labels=labels)

    def predict_checked(self, columns: Columns, *, labels: bool = True) -> Predictions:
        """Predict columns that are complete and have no problems."""
        if len(columns[self.contract.inputs[0].name]) == 0:
            return _empty_predictions(self.contract)
        return self.engine(columns, labels)

    def complete_columns(self, columns: Columns) -> dict[str, Array]:
        """The contract's inputs in its order, with an absent nullable column as nulls.

        Raises:
            ContractError: a required column is absent.
        """
        inputs = self.contract.inputs
        missing = [c.name for c in inputs if c.name not in columns and not c.nullable]
        if missing:
            raise ContractError(
                f"column {', '.join(map(repr, missing))} is missing, which the contract of '{self.contract.name}' "
                f"requires; {', '.join(map(repr, columns)) or 'nothing'} came"
            )
        rows = max((len(columns[c.name]) for c in inputs if c.name in columns), default=0)
        return {c.name: columns[c.name] if c.name in columns else _nulls(c, rows) for c in inputs}

    def find_violations(self, columns: Columns, limit: int | None = None) -> list[Violation]:
        """Every value that breaks the contract, by row and then in column order; at most ``limit`` per column."""
        null = self.contract.null_string
        found = [p for c in self.contract.inputs for p in violations(columns[c.name], c, null, limit)]
        return sorted(found, key=lambda problem: problem.row)

    def check_golden(self) -> None:
        """Predict the golden rows again.

        Raises:
            BundleError: a prediction is not the one that the release made.
        """
        try:
            predictions = self.predict(columns_of(self.golden.inputs, self.contract))
        except ContractError as error:
            raise BundleError(f"the golden rows of {self.bundle.path} break its own contract: {error}") from None
        labels = None if predictions.labels is None else predictions.labels.tolist()
        if difference := golden_difference(self.golden, predictions.values.tolist(), labels):
            raise BundleError(f"{self.bundle.path} does not reproduce its golden predictions: {difference}")


def load(folder: Path, *, threads: int = 1, expected_digest: str | None = None) -> Scorer:
    """Verify a bundle and load its model from the very bytes that were verified.

    Raises:
        NotFoundError: there is no bundle in the folder.
        BundleError: its bytes are not the sealed ones, or the model cannot be loaded.
    """
    names = ("contract.json", "golden.json", *_FILES.values())
    bundle, files = verify_and_read(folder, names, expected_digest=expected_digest)
    engine = bundle.release.engine
    model = _FILES.get(engine)
    if model is None:
        raise BundleError(f"{bundle.path} needs the engine '{engine}'; this Slipway knows {', '.join(_FILES)}: upgrade")
    for name in ("contract.json", "golden.json", model):
        if name not in files:
            raise BundleError(f"{bundle.path} has no '{name}', which the engine '{engine}' needs")
    contract = _contract(files["contract.json"], bundle)
    golden = decode_golden(files["golden.json"], str(bundle.path / "golden.json"))
    try:
        return Scorer(bundle, contract, golden, _engine(engine, files[model], contract, threads))
    except BundleError:
        raise
    except Exception as error:
        # The engines raise classes of their own that cannot be named without importing them.
        raise BundleError(f"{model} of {bundle.path} cannot be loaded: {error}") from error


def columns_of(inputs: Mapping[str, Sequence[object]], contract: Contract) -> dict[str, Array]:
    """Lists of JSON values as the arrays that a scorer takes."""
    types = {column.name: column.type for column in contract.inputs}
    return {
        name: np.array(values, dtype=object if types[name] == "string" else np.float64)
        for name, values in inputs.items()
        if name in types
    }


def _contract(text: bytes, bundle: Bundle) -> Contract:
    try:
        return decode_contract(text, str(bundle.path / "contract.json"))
    except ContractError as error:
        raise BundleError(str(error)) from None


def _engine(engine: str, model: bytes, contract: Contract, threads: int) -> Engine:
    return OnnxEngine(model, contract, threads) if engine == "onnx" else skops_engine(model, contract)


def _nulls(column: Column, rows: int) -> Array:
    return np.full(rows, None, dtype=object) if column.type == "string" else np.full(rows, np.nan)


def _empty_predictions(contract: Contract) -> Predictions:
    if contract.task == "regression":
        return Predictions(np.empty(0), None)
    return Predictions(np.empty((0, len(contract.classes))), np.empty(0, dtype=object))
