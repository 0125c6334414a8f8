"""Run a project's pipeline: its script wires the steps, this module opens the store and the parent run and closes them."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from slipway.errors import SettingsError, SlipwayError, StoppedError
from slipway.pipeline.candidate import Candidate
from slipway.pipeline.component_repository import Components
from slipway.pipeline.flow import Flow
from slipway.pipeline.parameters import files_read_by_ingest, ingest_parameters, validate_parameters
from slipway.pipeline.project_files import pipeline_script
from slipway.pipeline.signals import StopSignal, defer_signals, raise_on_signals
from slipway.pipeline.tracking.runs import USED_RUNS_TAG, closing_run, log_scores, open_run
from slipway.pipeline.tracking.store import open_store
from slipway.reporting.progress import PLAIN, SILENT, Progress
from slipway.settings.settings import Settings, check_contract, load_settings

__all__ = ["main", "run"]

Steps = Callable[[Flow], Candidate]
"""The function ``steps`` of a project's ``pipeline/run.py``."""


def run(
    settings: Settings,
    *,
    steps: Steps | None = None,
    overrides: Sequence[str] = (),
    cache: bool = True,
    env_manager: str = "local",
    say: Progress = SILENT,
) -> Candidate:
    """Run the pipeline; returns a candidate and changes nothing else.

    Args:
        steps: the function that wires the steps; by default ``steps`` in the project's ``pipeline/run.py``.

    Raises:
        ContractError: the committed contract does not match the settings.
        SettingsError: ``pipeline/run.py`` has no such function.
        TrackingError: MLflow cannot be reached.
        ComponentsLockError: components.lock does not pin the components of another repository.
        SlipwayError: a component's own refusal, with its exit code; ComponentError if it crashed.
        StoppedError: SIGINT, SIGTERM or SIGHUP was received; the components have ended too.
    """
    contract = check_contract(settings)
    steps = steps or load_steps(settings.root)
    with _open_flow(settings, contract, overrides, cache=cache, env_manager=env_manager, say=say) as flow:
        candidate = replace(steps(flow), overrides=tuple(overrides))
        log_scores(flow.client, candidate.run_id, candidate.scores)
        return candidate


def ingest_only(settings: Settings, *, validate: bool = True, say: Progress = SILENT) -> Path:
    """Read and validate the pinned rows without training; returns the path of ``data.parquet``.

    Raises:
        SlipwayError: as ``run`` does.
    """
    contract = check_contract(settings)
    with _open_flow(settings, contract, (), cache=True, env_manager="local", say=say) as flow:
        rows = flow.step("ingest", **ingest_parameters(settings, contract)).files / "data.parquet"
        if validate:
            flow.step("validate", **validate_parameters(settings, contract, rows))
        return rows


def main(steps: Steps) -> None:
    """Entry point of ``mlflow run .#pipeline``: run the steps for the settings file on the command line."""
    try:
        candidate = run(load_settings(Path(sys.argv[1])), steps=steps, say=PLAIN)
    except SlipwayError as error:
        print(f"slipway: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    print(candidate.model_uri)


def load_steps(root: Path) -> Steps:
    """Load the function ``steps`` from the script of the project at ``root``.

    The script is loaded by its path, since a project's ``pipeline/`` is not a package.

    Raises:
        SettingsError: the script has no such function.
    """
    script = pipeline_script(root)
    spec = importlib.util.spec_from_file_location("slipway_project_pipeline", script)
    if spec is None or spec.loader is None:
        raise SettingsError(f"{script} cannot be read as a Python file")
    # Not runpy, which can clear the module's globals while the function still needs them.
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(root / "src"))  # as the PYTHONPATH in its MLproject
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(root / "src"))
    steps: Steps | None = getattr(module, "steps", None)
    if not callable(steps):
        raise SettingsError(f"{script} has no function 'steps', which must wire the steps of the pipeline")
    return steps


@contextmanager
def _open_flow(
    settings: Settings, contract: Path, overrides: Sequence[str], *, cache: bool, env_manager: str, say: Progress
) -> Iterator[Flow]:
    """A flow with an open MLflow store and parent run, which is closed when the block ends."""
    _let_waiting_threads_sleep()
    with raise_on_signals(), TemporaryDirectory(prefix="slipway-") as work:
        try:
            components = Components(settings, Path(work, ".components"), say)
            with say.heartbeat("opening the MLflow store"):
                client, experiment = open_store(settings)
            with defer_signals():
                parent = open_run(client, experiment, settings.name, overrides)
            with closing_run(client, parent):
                reads = {"ingest": files_read_by_ingest(settings)}
                flow = Flow(settings, contract, client, parent, Path(work), reads, cache, env_manager, say, components)
                yield flow
                client.set_tag(parent.info.run_id, USED_RUNS_TAG, " ".join(flow.used_run_ids))
        except StopSignal as signal:
            raise StoppedError(f"stopped by {signal}; its components have ended too, and nothing was changed") from None


def _let_waiting_threads_sleep() -> None:
    """Make scikit-learn's OpenMP threads sleep while they wait, instead of spinning.

    Spinning threads slow down others on the same cores several times, such as evaluate beside package. OpenMP reads the
    variable once, when scikit-learn is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
