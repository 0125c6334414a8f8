"""Load a verified bundle and predict with it: the same checks and numbers for batch, real time and verification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from slipway.bundle.golden import golden_difference
from slipway.bundle.release_file import Bundle, GoldenRows, decode_golden, verify_and_read
from slipway.contract.schema import Column, Contract, decode_contract
from slipway.contract.validation import Violation, check_required, violations
from slipway.errors import BundleError, ContractError
from slipway.inference.engines import Array, Columns, Engine, OnnxEngine, Predictions, skops_engine
from slipway.inference.own_code import CLASSES_FILE, CODE_ARCHIVE, read_own_code

_FILES = {"onnx": "model.onnx", "skops": "model.skops"}


class Scorer:
    """A verified bundle, ready to predict. Threads can share it."""

    def __init__(self, bundle: Bundle, contract: Contract, golden: GoldenRows, engine: Engine) -> None:
        self.bundle = bundle
        self.contract = contract
        self.golden = golden
        self.engine = engine

    def predict(self, columns: Columns, *, labels: bool = True) -> Predictions:
        """Check the rows against the contract and predict them.

        Args:
            labels: False skips the cost of the labels when only the numbers are needed.
            columns: a float64 array (NaN for null) per number or boolean, an object array of str or None per
                string; a nullable column can be absent, and columns that are not in the contract are ignored.

        Raises:
            ContractError: a value violates the contract; the message names the row, the column, and the expected and the
                actual value.
        """
        columns = self.complete_columns(columns)
        if problems := self.find_violations(columns, limit=1):
            raise ContractError(str(problems[0]))
        return self.predict_checked(columns, labels=labels)

    def predict_checked(self, columns: Columns, *, labels: bool = True) -> Predictions:
        """Predict columns that are complete and satisfy the contract."""
        # scikit-learn refuses zero rows.
        if len(columns[self.contract.inputs[0].name]) == 0:
            return _empty_predictions(self.contract)
        return self.engine(columns, labels)

    def complete_columns(self, columns: Columns) -> dict[str, Array]:
        """The contract's inputs in its order, with nulls for each absent nullable column.

        Raises:
            ContractError: a required column is missing.
        """
        check_required(columns, self.contract, columns)
        inputs = self.contract.inputs
        rows = max((len(columns[c.name]) for c in inputs if c.name in columns), default=0)
        return {c.name: columns[c.name] if c.name in columns else _nulls(c, rows) for c in inputs}

    def find_violations(self, columns: Columns, limit: int | None = None) -> list[Violation]:
        """Every value that violates the contract, by row and then by column; at most ``limit`` per column."""
        null = self.contract.null_string
        found = [p for c in self.contract.inputs for p in violations(columns[c.name], c, null, limit)]
        return sorted(found, key=lambda problem: problem.row)

    def check_golden(self) -> None:
        """Predict the golden rows again and compare.

        Raises:
            BundleError: a prediction differs from the golden one.
        """
        try:
            predictions = self.predict(columns_of(self.golden.inputs, self.contract))
        except ContractError as error:
            raise BundleError(f"the golden rows of {self.bundle.path} violate its own contract: {error}") from None
        labels = None if predictions.labels is None else predictions.labels.tolist()
        if difference := golden_difference(self.golden, predictions.values.tolist(), labels):
            raise BundleError(f"{self.bundle.path} does not reproduce its golden predictions: {difference}")


def load(folder: Path, *, threads: int = 1, expected_digest: str | None = None) -> Scorer:
    """Verify a bundle and load its model from the bytes that were verified, so they cannot change in between.

    Raises:
        NotFoundError: the folder contains no bundle.
        BundleError: its bytes differ from the sealed ones, or the model cannot be loaded.
    """
    names = ("contract.json", "golden.json", CLASSES_FILE, CODE_ARCHIVE, *_FILES.values())
    bundle, files = verify_and_read(folder, names, expected_digest=expected_digest)
    engine = bundle.release.engine
    model = _FILES.get(engine)
    if model is None:
        raise BundleError(
            f"{bundle.path} needs the engine '{engine}', but this version of Slipway has only {', '.join(_FILES)}; "
            "upgrade Slipway"
        )
    for name in ("contract.json", "golden.json", model):
        if name not in files:
            raise BundleError(f"{bundle.path} has no '{name}', which the engine '{engine}' needs")
    contract = _contract(files["contract.json"], bundle)
    golden = decode_golden(files["golden.json"], str(bundle.path / "golden.json"))
    try:
        return Scorer(bundle, contract, golden, _engine(engine, files[model], contract, threads, files))
    except BundleError:
        raise
    except ModuleNotFoundError as error:
        raise BundleError(
            f"{model} of {bundle.path} needs the package '{error.name}', which is not installed here; add it to the group "
            "serving in pyproject.toml, run `make lock`, and install the new lock"
        ) from error
    except Exception as error:
        # The engines raise their own exception classes, which cannot be named without importing the engines.
        raise BundleError(f"{model} of {bundle.path} cannot be loaded: {error}") from error


def columns_of(inputs: Mapping[str, Sequence[object]], contract: Contract) -> dict[str, Array]:
    """Convert lists of JSON values to the arrays that a scorer takes."""
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


def _engine(engine: str, model: bytes, contract: Contract, threads: int, files: Mapping[str, bytes]) -> Engine:
    if engine == "onnx":
        return OnnxEngine(model, contract, threads)
    return skops_engine(model, contract, read_own_code(files))


def _nulls(column: Column, rows: int) -> Array:
    return np.full(rows, None, dtype=object) if column.type == "string" else np.full(rows, np.nan)


def _empty_predictions(contract: Contract) -> Predictions:
    if contract.task == "regression":
        return Predictions(np.empty(0), None)
    return Predictions(np.empty((0, len(contract.classes))), np.empty(0, dtype=object))
