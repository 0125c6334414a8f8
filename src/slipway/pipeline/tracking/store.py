"""Open the MLflow store: the team's server, or an SQLite database beside the settings, which is created if missing."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from slipway.errors import SlipwayError, TrackingError
from slipway.settings.settings import Settings


def connect(settings: Settings) -> Any:
    """An MLflow client for the team's server, or for SQLite beside the settings, which is created if missing."""
    # MLflow reads these when it is imported.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    # In a workflow, an unset variable arrives as an empty string.
    uri = os.environ["MLFLOW_TRACKING_URI"] = os.environ.get("MLFLOW_TRACKING_URI") or settings.tracking_uri
    import mlflow

    if uri.startswith("sqlite:///"):
        _create_database(Path(uri.removeprefix("sqlite:///")))
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient()


def client_and_experiment(settings: Settings) -> tuple[Any, str]:
    """An MLflow client, and the id of the experiment with the project's name; both are created if missing."""
    client = connect(settings)
    experiment = client.get_experiment_by_name(settings.name)
    if experiment is not None:
        return client, experiment.experiment_id
    local = os.environ["MLFLOW_TRACKING_URI"].startswith("sqlite:")
    location = (settings.root / "mlartifacts").as_uri() if local else None
    return client, client.create_experiment(settings.name, artifact_location=location)


def open_store(settings: Settings) -> tuple[Any, str]:
    """As ``client_and_experiment``, with one error for everything that MLflow, its database and its server raise.

    Raises:
        TrackingError: the store cannot be reached or read.
    """
    try:
        return client_and_experiment(settings)
    except SlipwayError:
        raise
    except Exception as error:
        reason, uri = str(error).strip().splitlines()[0], _redact_credentials(os.environ["MLFLOW_TRACKING_URI"])
        raise TrackingError(f"the MLflow store at {uri} cannot be opened: {reason}; nothing was started") from error


def _create_database(database: Path) -> None:
    """Create the database in a temporary folder and link it here: MLflow cannot recover from a half-created one."""
    if database.is_file() and database.stat().st_size:
        return
    import mlflow

    with TemporaryDirectory(prefix=f"{database.name}-", dir=database.parent) as folder:
        new = Path(folder) / database.name
        mlflow.MlflowClient(f"sqlite:///{new}").search_experiments()
        database.unlink(missing_ok=True)
        # Another first run may have been faster: its database is equally good, and may already be in use.
        with suppress(FileExistsError):
            os.link(new, database)


def _redact_credentials(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
