"""With a real MLflow server the registry mirrors GitHub's champion: once for each release, whatever is run again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.release_file import verify
from slipway.github.promote import promote
from tests.support.eventually import eventually
from tests.support.fork_server import slipway
from tests.support.projects import copy_store
from tests.support.release_files import SETTINGS, Client, publish_and_promote, quiet

pytestmark = pytest.mark.slow


@pytest.fixture
def tracking(tmp_path: Path) -> Iterator[str]:
    """The address of an MLflow server of its own, with its own artifacts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{copy_store(tmp_path)}", "--artifacts-destination", str(tmp_path / "artifacts"),
    ]  # fmt: skip
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    server = subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: answers(f"http://127.0.0.1:{port}/health"), 300)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def answers(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(address):
        return True
    return False


def register(folder: Path, tracking: str) -> None:
    (folder / "slipway.toml").write_text(SETTINGS)
    done = slipway(folder, "ci", "register", MLFLOW_TRACKING_URI=tracking)
    assert done.returncode == 0, done.stderr


def versions(tracking: str) -> list[tuple[str, str]]:
    found: Any = client_of(tracking).search_model_versions("name = 'flights'")
    return sorted((version.tags["release"], version.tags["bundle_digest"]) for version in found)


def client_of(tracking: str) -> Any:
    import mlflow

    return mlflow.MlflowClient(tracking, tracking)


def named(tracking: str) -> str:
    return str(client_of(tracking).get_model_version_by_alias("flights", "champion").tags["release"])


def test_the_registry_of_a_server_names_githubs_champion(client: Client, tracking: str, tmp_path: Path) -> None:
    publish_and_promote(client, tmp_path, "1.0.0")
    register(tmp_path, tracking)
    register(tmp_path, tracking)
    first = versions(tracking)
    assert ([release for release, _ in first], named(tracking)) == (["1.0.0"], "1.0.0")

    publish_and_promote(client, tmp_path, "1.0.1")
    register(tmp_path, tracking)
    assert named(tracking) == "1.0.1"
    promote(client, "v1.0.0", who="bob", reason="drifted", rollback=True, say=quiet)
    register(tmp_path, tracking)
    assert named(tracking) == "1.0.0"
    assert [release for release, _ in versions(tracking)] == ["1.0.0", "1.0.1"]
    assert versions(tracking)[0] == first[0]

    registered = client_of(tracking).get_model_version_by_alias("flights", "champion")
    kept = client_of(tracking).download_artifacts(registered.run_id, "bundle", str(tmp_path))
    assert verify(Path(kept)).digest == first[0][1]
