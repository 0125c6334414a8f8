"""What is installed: the version of the library, and which of its extras brings a missing package."""

from __future__ import annotations

import functools

DISTRIBUTION = "slipway-ml"
_MODULES = {
    "batch": ("fsspec", "pyarrow", "pydantic"),
    "drift": ("jinja2", "rich"),
    "training": ("matplotlib", "mlflow", "onnx", "pandas", "skops", "sklearn", "spox", "uvicorn", "virtualenv"),
    "spark": ("pyspark",),
    "release": (
        *("OpenSSL", "build", "copier", "cyclonedx_py", "github", "hatchling", "model_signing", "semantic_release"),
        *("tomlkit", "uv"),
    ),
}
"""The modules that each extra brings; of several extras with the same module, the one that brings the least else."""


@functools.cache
def installed_version() -> str:
    """Return the version of the installed distribution; "unknown" where only the package's folder is on the path."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"


def extra_of(module: str | None) -> str | None:
    """Return the smallest extra that brings a module such as ``pyarrow.csv``; None if no extra brings it."""
    package = (module or "").partition(".")[0]
    return next((extra for extra, modules in _MODULES.items() if package in modules), None)
