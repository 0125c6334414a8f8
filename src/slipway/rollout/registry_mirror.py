"""The MLflow registry as a mirror of the target: it is told afterwards, and may be told again."""

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
"""A mirror may be told later, so nobody waits minutes for one that does not answer."""
_LOCK_SECONDS = 30.0


class RegistryChampion(msgspec.Struct, frozen=True):
    """What the registry's ``champion`` alias names; ``problem`` says why that cannot be known."""

    release: str | None = None
    digest: str | None = None
    problem: str | None = None


def sync_registry(settings: Settings, target: Target) -> list[str]:
    """Register every past champion that is here, once for each digest, and move the alias to the champion.

    The champion is read after the lock is had: of two commands that end together, the later one tells the truth.

    Returns:
        What the registry did not know yet, one sentence each.

    Raises:
        BundleError, NotFoundError: the champion is damaged or gone; the registry was told nothing.
        RegistrySyncError: the registry cannot be reached; the target is right all the same.
    """
    with _registry_lock(settings, target):
        if (champion := target.champion()) is None:
            return []
        return _sync(settings, _past_bundles(target, champion), champion)


def register_champion(settings: Settings, bundle: Bundle) -> None:
    """Register a bundle that is champion elsewhere, where no target is, and move the alias to it.

    Raises:
        RegistrySyncError: the registry cannot be reached.
    """
    _sync(settings, [], bundle)


def read_registry_champion(settings: Settings) -> RegistryChampion:
    """What the alias names now; nothing is made where there is no store yet."""
    local = "MLFLOW_TRACKING_URI" not in os.environ and "MLFLOW_REGISTRY_URI" not in os.environ
    if local and not Path(settings.tracking_uri.removeprefix("sqlite:///")).exists():
        return RegistryChampion()
    try:
        with _short_timeouts():
            found = _find_alias(connect(settings), settings.name)
    except Exception as error:  # MLflow, SQLAlchemy and requests each raise their own
        return RegistryChampion(problem=f"the registry does not answer: {error}")
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
        was = named.tags.get("release") if named else "nothing"
        yield f"the alias '{ALIAS}' named {was}, not {champion.release.version}"


def _registry_lock(settings: Settings, target: Target) -> AbstractContextManager[None]:
    def sync_error(why: object) -> RegistrySyncError:
        return _sync_error(version_in_name(target.champion_folder() or ""), why)

    return exclusive_lock(
        settings.root / STATE / "registry.lock",
        "a command that tells the registry",
        busy_error=lambda other: sync_error(f"{other} tells it already"),
        unwritable_error=sync_error,
        timeout=_LOCK_SECONDS,
    )


@contextmanager
def _short_timeouts() -> Iterator[None]:
    ours = {name: value for name, value in _SHORT_TIMEOUTS.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


def _sync_error(version: str, error: object) -> RegistrySyncError:
    return RegistrySyncError(
        f"{version} serves and is proved, but the registry could not be told: {error}; `slipway doctor` pays what is owed"
    )


def _past_bundles(target: Target, champion: Bundle) -> Iterator[Bundle]:
    """The past champions that are here and whole; what is damaged is told by `doctor`."""
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
    }
    source = f"{run.info.artifact_uri}/bundle"
    return str(client.create_model_version(name, source, run.info.run_id, tags=tags).version)


def _log_bundle(client: Any, experiment: str, bundle: Bundle) -> Any:
    """The run that holds the bundle: the one that a killed command began is finished, not made twice."""
    begun = client.search_runs([experiment], f"tags.`{_RUN_DIGEST}` = '{bundle.digest}'", max_results=1)
    tags = {_RUN_DIGEST: bundle.digest}
    run = begun[0] if begun else client.create_run(experiment, run_name=f"bundle {bundle.release.version}", tags=tags)
    if run.info.status != "FINISHED":
        client.log_artifacts(run.info.run_id, str(bundle.path), "bundle")
        client.set_terminated(run.info.run_id, "FINISHED")
    return run
