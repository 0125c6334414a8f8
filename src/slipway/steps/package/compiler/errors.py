"""The error of the compiler for models that it cannot convert."""

from __future__ import annotations

from typing import Any


class UnsupportedModelError(Exception):
    """This model has no exact ONNX form; the message is a sentence that names the class and the reason."""


def unsupported_error(step: Any, reason: str) -> UnsupportedModelError:
    """Return the error for one step of a model, for the caller to raise."""
    return UnsupportedModelError(f"{type(step).__name__} {reason}")
