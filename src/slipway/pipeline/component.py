"""Turn a component's function into a program: parse its arguments, run it, and record its files and scores.

A component is ``def split(out: Path, *, data: Path, holdout_days: int = 30) -> dict[str, float]`` and ends with
``if __name__ == "__main__": main(split)``. It imports ``main`` from here and the functions of its step from
``slipway.steps``.
"""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from slipway.errors import ContractError, DataChangedError, DataError, SettingsError, SlipwayError, ValidationError

__all__ = [
    "ContractError",
    "DataChangedError",
    "DataError",
    "SettingsError",
    "SlipwayError",
    "ValidationError",
    "main",
]

Component = Callable[..., dict[str, float]]
SCORES_FILE = "scores.json"
REFUSAL_TAG = "slipway.refusal"


def main(component: Component, argv: Sequence[str] | None = None) -> None:
    """Run a component as a program; a refusal ends the process with the error's exit code.

    With ``--out DIR``, which the pipeline uses, the files and ``scores.json`` are written there; without it they are
    logged to the MLflow run that started the program.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    try:
        arguments = vars(parser_for(component).parse_args(argv))
        out = arguments.pop("out")
        if out is None:
            _run_and_record(component, arguments)
        else:
            _run_into(Path(out), component, arguments)
    except SlipwayError as error:
        print(f"{component.__name__}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def parser_for(component: Component) -> argparse.ArgumentParser:
    """Build an argument parser from the component's signature; it rejects unknown and abbreviated names."""
    parser = argparse.ArgumentParser(prog=component.__name__, description=component.__doc__, allow_abbrev=False)
    parser.add_argument("--out", help="write the files to this folder instead of logging them to MLflow")
    hints = get_type_hints(component)
    for name, parameter in parameters_of(component).items():
        required = parameter.default is inspect.Parameter.empty
        default = None if required else parameter.default
        hint = hints.get(name)
        convert = _CONVERTERS.get(get_origin(hint) or hint)
        if convert is None:
            known = ", ".join(kind.__name__ for kind in _CONVERTERS)
            given = f"is {getattr(hint, '__name__', hint)}" if hint else "is missing"
            raise SettingsError(f"the type of the parameter '{name}' {given}; a component takes {known}")
        parser.add_argument(f"--{name}", type=convert, required=required, default=default)
    return parser


def parameters_of(component: Component) -> Mapping[str, inspect.Parameter]:
    """The component's own parameters: all except ``out``."""
    return {name: p for name, p in inspect.signature(component).parameters.items() if name != "out"}


def _run_into(out: Path, component: Component, arguments: dict[str, Any]) -> dict[str, float]:
    out.mkdir(parents=True, exist_ok=True)
    scores = component(out, **arguments)
    if not isinstance(scores, dict) or not all(isinstance(value, Real) for value in scores.values()):
        raise TypeError(f"{component.__name__} must return a dict of scores (name to number), but returned {scores!r}")
    scores = {name: value if isinstance(value, int) else float(value) for name, value in scores.items()}  # NumPy's too
    (out / SCORES_FILE).write_text(json.dumps(scores, indent=2) + "\n")
    return scores


def _run_and_record(component: Component, arguments: dict[str, Any]) -> None:
    import mlflow

    name = component.__name__
    run = mlflow.start_run(run_id=os.environ.get("MLFLOW_RUN_ID"))
    with run, tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
        log = _log_to_file(Path(folder) / f"{name}.log")
        try:
            mlflow.log_metrics(_run_into(Path(folder), component, arguments))
        except Exception as error:
            with log.open("a") as file:
                traceback.print_exception(error, file=file)
            mlflow.set_tag(REFUSAL_TAG, f"{getattr(error, 'exit_code', 1)} {error}"[:5000])
            mlflow.log_artifact(str(log))
            raise
        mlflow.log_artifacts(folder)


def _log_to_file(path: Path) -> Path:
    """Also write the component's log to a file, which becomes an artifact of its MLflow run."""
    logging.captureWarnings(True)
    logging.getLogger().addHandler(logging.FileHandler(path))
    return path


def _json_object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{text!r} is not a JSON object")
    return value


def _json_list(text: str) -> list[Any]:
    value = json.loads(text)
    if not isinstance(value, list):
        raise ValueError(f"{text!r} is not a JSON list")
    return value


def _path(text: str) -> Path:
    return Path(text).absolute()


_CONVERTERS: dict[Any, Callable[[str], Any]] = {
    Path: _path,
    str: str,
    int: int,
    float: float,
    dict: _json_object,
    list: _json_list,
}
