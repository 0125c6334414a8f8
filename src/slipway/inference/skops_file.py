"""Write fitted models as reproducible skops files, and read them with our own allow-list of types."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from slipway.errors import BundleError
from slipway.inference.own_code import stored_names

TRUSTED_TYPES: tuple[str, ...] = (
    "functools.partial",
    "numpy.dtype",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._mutual_info.mutual_info_classif",
    "sklearn.feature_selection._mutual_info.mutual_info_regression",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
"""Types beyond skops' own safe ones that scikit-learn's estimators need; none of them runs code when loaded."""

SCHEMA = "schema.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip can store."""


def save_model(model: Any, path: Path, own_classes: Sequence[str] = ()) -> None:
    """Write a fitted model: the same bytes for the same model.

    ``own_classes`` are trusted too: the dotted names of the project's own classes in the model.

    Raises:
        BundleError: it contains types that ``load_model`` would refuse; nothing was written.
        SettingsError: one of the own classes cannot be imported.
    """
    content = skops.io.dumps(model)
    _refuse_untrusted(skops.io.get_untrusted_types(data=content), stored_names(own_classes), path.name)
    path.write_bytes(_make_reproducible(content))


def load_model(path: Path, own_classes: Sequence[str] = ()) -> Any:
    """Read a fitted model; ``own_classes`` are trusted too, as in ``save_model``.

    Raises:
        BundleError: the file is missing or damaged, or contains types outside the allow-list; none of it was executed.
        SettingsError: one of the own classes cannot be imported.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable_error(path, error) from None
    return decode_model(content, path, stored_names(own_classes))


def decode_model(content: bytes, path: Path, own_classes: Sequence[str]) -> Any:
    """Decode the ``content`` of a model file; ``own_classes`` are named by the modules that define them.

    Raises:
        BundleError: as ``load_model`` does.
    """
    try:
        return _in_one_thread(skops.io.loads(content, trusted=[*TRUSTED_TYPES, *own_classes]))
    except UntrustedTypesFoundException:
        _refuse_untrusted(skops.io.get_untrusted_types(data=content), own_classes, path.name)
        raise
    except (OSError, BadZipFile, KeyError, TypeError, ValueError) as error:
        raise _unreadable_error(path, error) from None


def _in_one_thread(model: Any) -> Any:
    """Let a model predict in one thread: those of a forest add up its trees in any order, which changes the last digits."""
    parameters = model.get_params() if hasattr(model, "get_params") else {}
    threads = [name for name in parameters if name.rpartition("__")[2] == "n_jobs"]
    return model.set_params(**dict.fromkeys(threads)) if threads else model


def own_classes_in(path: Path, own_classes: Sequence[str]) -> list[str]:
    """Return which of the project's ``own_classes`` a model file contains, named by the modules that define them."""
    found = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED_TYPES)
    return sorted(found & set(stored_names(own_classes)))


def _unreadable_error(path: Path, error: Exception) -> BundleError:
    return BundleError(f"{path} cannot be read as a skops model: {error!r}")


def _refuse_untrusted(types: Sequence[str], own_classes: Sequence[str], name: str) -> None:
    strange = sorted(set(types) - {*TRUSTED_TYPES, *own_classes})
    if any(found.startswith("__main__.") for found in strange):
        raise BundleError(
            f"{name} contains {', '.join(strange)}, which no other program can import; move it from run.py to a "
            "separate file, such as components/train/NAME.py, and import it from there"
        )
    if strange:
        raise BundleError(
            f"{name} contains types that Slipway does not trust: {', '.join(strange)}; use scikit-learn's own estimators, "
            "or review the types and add them to train.own_classes in slipway.toml"
        )


def zip_of(files: dict[str, bytes], compression: int = ZIP_DEFLATED) -> bytes:
    """Build a reproducible zip: its bytes depend only on the files' names, order and content."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = ZipInfo(name, date_time=EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, compress_type=compression, compresslevel=1)
    return buffer.getvalue()


def _make_reproducible(content: bytes) -> bytes:
    """Replace memory addresses, file names and dates in a skops file by numbers, and the number of threads by one."""
    with ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read(SCHEMA))
        names = _renumber(schema)
        files = {new: archive.read(old) for old, new in names.items()}
    return zip_of({**files, SCHEMA: json.dumps(schema, separators=(",", ":")).encode()})


def _renumber(schema: dict[str, Any]) -> dict[str, str]:
    ids: dict[int, int] = {}
    names: dict[str, str] = {}
    for node in _nodes(schema):
        if node.get("__class__") == "_BinMapper":
            # Only training used the threads; their number is that of the machine's cores.
            node["content"]["content"]["n_threads"] |= {"content": "1", "__id__": 0}
        if "__id__" in node:
            # skops writes the object's memory address here, which differs in every process.
            node["__id__"] = ids.setdefault(node["__id__"], len(ids) + 1)
        if isinstance(node.get("file"), str):
            suffix = PurePosixPath(node["file"]).suffix
            node["file"] = names.setdefault(node["file"], f"{len(names) + 1}{suffix}")
    return names


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "__loader__" in value:
            yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)
