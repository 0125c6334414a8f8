"""What the compiler says when it cannot."""

from __future__ import annotations

from typing import Any


class CannotCompile(Exception):
    """There is no exact ONNX form for this model; the message is a sentence that names the class and the reason."""


def refuse(step: Any, reason: str) -> CannotCompile:
    """The error for one step of a model, ready to be raised."""
    return CannotCompile(f"{type(step).__name__} {reason}")
