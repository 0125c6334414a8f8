"""Update the MLflow registry, a mirror of the target: after each rollout, and again if that failed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from slipway.bundle.release_file import Bundle, verify, version_in_name
from slipway.errors import RegistrySyncError, SlipwayError
from slipway.pipeline.tracking.store import client_and_experiment, connect
from slipway.settings.settings import STATE, Settings
from slipway.storage.locks import exclusive_lock
from slipway.target.target import Target

ALIAS = "champion"
_DIGEST = "bundle_digest"
_RUN_DIGEST = "slipway.bundle_digest"
_SHORT_TIMEOUTS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""The registry can be updated later, so no command waits minutes for one that does not respond."""
_LOCK_SECONDS = 30.0


class RegistryChampion(msgspec.Struct, frozen=True):
    """The release that the registry's ``champion`` alias points to; ``problem`` if the registry could not be read."""

    release: str | None = None
    digest: str | None = None
    problem: str | None = None


def sync_registry(settings: Settings, target: Target) -> list[str]:
    """Register every past champion in the target, once per digest, and move the alias to the champion.

    Returns:
        What was out of date in the registry, one sentence each.

    Raises:
        BundleError, NotFoundError: the champion is damaged or missing; the registry was not updated.
        RegistrySyncError: the registry cannot be reached; the target is not affected.
    """
    with _registry_lock(settings, target):
        # Read under the lock: of two commands that end at the same time, the second must not register an old champion.
        if (champion := target.champion()) is None:
            return []
        return _sync(settings, _past_bundles(target, champion), champion)


def register_champion(settings: Settings, bundle: Bundle) -> None:
    """Register a bundle that is champion on GitHub, without a local target, and move the alias to it.

    Raises:
        RegistrySyncError: the registry cannot be reached.
    """
    _sync(settings, [], bundle)


def read_registry_champion(settings: Settings) -> RegistryChampion:
    """Read the release that the alias points to; a store that does not exist yet is not created."""
    local = "MLFLOW_TRACKING_URI" not in os.environ and "MLFLOW_REGISTRY_URI" not in os.environ
    if local and not Path(settings.tracking_uri.removeprefix("sqlite:///")).exists():
        return RegistryChampion()
    try:
        with _short_timeouts():
            found = _find_alias(connect(settings), settings.name)
    except Exception as error:  # MLflow, SQLAlchemy and requests each raise their own
        return RegistryChampion(problem=f"the registry does not respond: {error}")
    return RegistryChampion(found.tags.get("release"), found.tags.get(_DIGEST)) if found else RegistryChampion()


def _sync(settings: Settings, past: Iterable[Bundle], champion: Bundle) -> list[str]:
    try:
        with _short_timeouts():
            client, experiment = client_and_experiment(settings)
            return list(_sync_versions(client, experiment, settings.name, past, champion))
    except Exception as error:  # MLflow, SQLAlchemy and requests each raise their own
        raise _sync_error(champion.release.version, error) from error


def _sync_versions(client: Any, experiment: str, name: str, past: Iterable[Bundle], champion: Bundle) -> Iterator[str]:
    for bundle in [*past, champion]:
        if _find_version(client, name, bundle.digest) is None:
            _register(client, experiment, name, bundle)
            yield f"{bundle.release.version} was not registered"
    version = _find_version(client, name, champion.digest)
    named = _find_alias(client, name)
    if named is None or str(named.version) != version:
        client.set_registered_model_alias(name, ALIAS, version)
        state = f"pointed to {named.tags.get('release')}" if named else "was not set"
        yield f"the alias '{ALIAS}' {state}; the champion is {champion.release.version}"


def _registry_lock(settings: Settings, target: Target) -> AbstractContextManager[None]:
    def sync_error(why: object) -> RegistrySyncError:
        return _sync_error(version_in_name(target.champion_folder() or ""), why)

    return exclusive_lock(
        settings.root / STATE / "registry.lock",
        "a command that updates the registry",
        busy_error=lambda other: sync_error(f"{other} holds its lock"),
        unwritable_error=sync_error,
        timeout=_LOCK_SECONDS,
    )


@contextmanager
def _short_timeouts() -> Iterator[None]:
    # A value that the user has set takes precedence.
    ours = {name: value for name, value in _SHORT_TIMEOUTS.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


def _sync_error(version: str, error: object) -> RegistrySyncError:
    return RegistrySyncError(
        f"{version} is live and verified, but the registry could not be updated: {error}; `slipway doctor` updates it"
    )


def _past_bundles(target: Target, champion: Bundle) -> Iterator[Bundle]:
    """The past champions in the target that are intact; `slipway doctor` reports the damaged ones."""
    entries = {entry.digest: entry for entry in target.past_champions() if entry.digest != champion.digest}
    for entry in entries.values():
        with suppress(SlipwayError):
            yield verify(target.release_path(entry.folder or ""), expected_digest=entry.digest)


def _find_alias(client: Any, name: str) -> Any:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, ErrorCode

    try:
        return client.get_model_version_by_alias(name, ALIAS)
    except MlflowException as error:
        if error.error_code in (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), ErrorCode.Name(INVALID_PARAMETER_VALUE)):
            return None
        raise


def _find_version(client: Any, name: str, digest: str) -> str | None:
    found = client.search_model_versions(f"name = '{name}' and tags.{_DIGEST} = '{digest}'")
    return str(found[0].version) if found else None


def _register(client: Any, experiment: str, name: str, bundle: Bundle) -> str:
    release = bundle.release
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    run = _log_bundle(client, experiment, bundle)
    tags = {
        "release": release.version,
        "commit": release.commit,
        _DIGEST: bundle.digest,
        "lock_digest": release.lock_digest,
        **{f"data_digest.{source}": digest for source, digest in release.data.items()},
        **{f"component.{name}": " ".join(version.values()) for name, version in release.components.items()},
    }
    source = f"{run.info.artifact_uri}/bundle"
    return str(client.create_model_version(name, source, run.info.run_id, tags=tags).version)


def _log_bundle(client: Any, experiment: str, bundle: Bundle) -> Any:
    """Log the bundle as a run; a run that a killed command left unfinished is completed instead of duplicated."""
    begun = client.search_runs([experiment], f"tags.`{_RUN_DIGEST}` = '{bundle.digest}'", max_results=1)
    tags = {_RUN_DIGEST: bundle.digest}
    run = begun[0] if begun else client.create_run(experiment, run_name=f"bundle {bundle.release.version}", tags=tags)
    if run.info.status != "FINISHED":
        client.log_artifacts(run.info.run_id, str(bundle.path), "bundle")
        client.set_terminated(run.info.run_id, "FINISHED")
    return run
