"""What the compiler says when it cannot."""

from __future__ import annotations

from typing import Any


class UnsupportedModelError(Exception):
    """There is no exact ONNX form for this model; the message is a sentence that names the class and the reason."""


def unsupported_error(step: Any, reason: str) -> UnsupportedModelError:
    """The error for one step of a model, ready to be raised."""
    return UnsupportedModelError(f"{type(step).__name__} {reason}")
