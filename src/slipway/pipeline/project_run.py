"""A component as MLflow runs it alone, in an environment of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.errors import ComponentError, error_for
from slipway.pipeline.component import REFUSAL_TAG


def run_alone(client: Any, folder: Path, arguments: Mapping[str, str], run_id: str, env_manager: str, log: str) -> None:
    """Run the component in ``folder`` to its end, which records its files in the MLflow run itself.

    Raises:
        SlipwayError: what the component refused; ComponentError when it broke, which names ``log``.
    """
    import mlflow
    from mlflow.exceptions import ExecutionException
    from mlflow.utils.process import ShellCommandException

    _find_tools_of_this_environment()
    try:
        mlflow.projects.run(  # type: ignore[no-untyped-call]
            str(folder), parameters=dict(arguments), run_id=run_id, env_manager=env_manager
        )
    except (ShellCommandException, FileNotFoundError) as error:
        raise ComponentError(f"component '{folder.name}' got no {env_manager} environment: {error}") from None
    except ExecutionException as error:
        code, _, said = client.get_run(run_id).data.tags.get(REFUSAL_TAG, "1 ").partition(" ")
        if known := error_for(int(code)):
            raise known(f"component '{folder.name}' stopped: {said}") from None
        raise ComponentError(
            f"component '{folder.name}' failed in its {env_manager} environment: {said or error}; its log is {log}"
        ) from None


def _find_tools_of_this_environment() -> None:
    """MLflow looks for uv and virtualenv on PATH, where ``.venv/bin/slipway`` does not put them."""
    tools = str(Path(sys.executable).parent)
    if tools not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([tools, os.environ["PATH"]])
