"""Where MLflow keeps its records: the team's server, or SQLite beside the settings, made whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from slipway.errors import SlipwayError, TrackingError
from slipway.settings.settings import Settings


def connect(settings: Settings) -> Any:
    """An MLflow client on the team's server, or on SQLite beside the settings, which is made where it lacks."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    # An unset variable of a workflow arrives as an empty text.
    uri = os.environ["MLFLOW_TRACKING_URI"] = os.environ.get("MLFLOW_TRACKING_URI") or settings.tracking_uri
    import mlflow

    if uri.startswith("sqlite:///"):
        _create_database(Path(uri.removeprefix("sqlite:///")))
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient()


def client_and_experiment(settings: Settings) -> tuple[Any, str]:
    """An MLflow client, and the id of the experiment that has the settings' name; both are made where they lack."""
    client = connect(settings)
    experiment = client.get_experiment_by_name(settings.name)
    if experiment is not None:
        return client, experiment.experiment_id
    local = os.environ["MLFLOW_TRACKING_URI"].startswith("sqlite:")
    place = (settings.root / "mlartifacts").as_uri() if local else None
    return client, client.create_experiment(settings.name, artifact_location=place)


def open_store(settings: Settings) -> tuple[Any, str]:
    """As ``store``, with one error for all the kinds that MLflow, its database and its server raise.

    Raises:
        TrackingError: the store cannot be reached or read.
    """
    try:
        return client_and_experiment(settings)
    except SlipwayError:
        raise
    except Exception as error:
        reason, place = str(error).strip().splitlines()[0], _redact_credentials(os.environ["MLFLOW_TRACKING_URI"])
        raise TrackingError(f"the MLflow store at {place} cannot be opened: {reason}; nothing was started") from error


def _create_database(database: Path) -> None:
    """Make a new database elsewhere and move it here: MLflow never recovers from one that was half made."""
    if database.is_file() and database.stat().st_size:
        return
    import mlflow

    with TemporaryDirectory(prefix=f"{database.name}-", dir=database.parent) as folder:
        new = Path(folder) / database.name
        mlflow.MlflowClient(f"sqlite:///{new}").search_experiments()
        database.unlink(missing_ok=True)
        # Another first run may have been quicker: its database is as good, and may be in use already.
        with suppress(FileExistsError):
            os.link(new, database)


def _redact_credentials(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
