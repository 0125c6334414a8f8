"""The MLflow registry as a mirror of the target: it is told afterwards, and may be told again."""

from __future__ import annotations

from typing import Any

from deploy.bundle import Bundle
from pipeline.errors import MirrorOwedError
from pipeline.settings import Settings
from pipeline.store import store

ALIAS = "champion"


def mirror(settings: Settings, bundle: Bundle) -> None:
    """Register the bundle unless its digest is there already, and move the ``champion`` alias to it.

    Raises:
        MirrorOwedError: the registry cannot be reached; the target is right all the same.
    """
    try:
        client, experiment = store(settings)
        version = _registered(client, settings.name, bundle) or _register(client, experiment, settings.name, bundle)
        client.set_registered_model_alias(settings.name, ALIAS, version)
    except Exception as error:  # MLflow, SQLAlchemy and requests each raise their own
        raise MirrorOwedError(
            f"{bundle.release.version} serves and is proved, but the registry could not be told: {error}; "
            "`slipway doctor` pays what is owed"
        ) from error


def registered_release(settings: Settings) -> str | None:
    """The release that the registry's ``champion`` alias names; None when there is none or no registry answers."""
    from mlflow.exceptions import MlflowException

    try:
        client, _ = store(settings)
        found = client.get_model_version_by_alias(settings.name, ALIAS)
    except MlflowException:
        return None
    release: str | None = found.tags.get("release")
    return release


def _registered(client: Any, name: str, bundle: Bundle) -> str | None:
    found = client.search_model_versions(f"name = '{name}' and tags.bundle_digest = '{bundle.digest}'")
    return str(found[0].version) if found else None


def _register(client: Any, experiment: str, name: str, bundle: Bundle) -> str:
    release = bundle.release
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    run = client.create_run(experiment, run_name=f"bundle {release.version}")
    client.log_artifacts(run.info.run_id, str(bundle.path), "bundle")
    client.set_terminated(run.info.run_id, "FINISHED")
    tags = {
        "release": release.version,
        "commit": release.commit,
        "bundle_digest": bundle.digest,
        "lock_digest": release.lock_digest,
        **{f"data_digest.{source}": digest for source, digest in release.data.items()},
    }
    source = f"{run.info.artifact_uri}/bundle"
    return str(client.create_model_version(name, source, run.info.run_id, tags=tags).version)
