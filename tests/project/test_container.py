"""The container serves a verified bundle as nobody, from files it cannot write. What its Dockerfile says is done here."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sysconfig
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.support.bundles import GOLDEN, make_bundle
from tests.support.dockerfile import AS_USER, DOCKERFILE, ROOT, USER, Image, command, environment, instructions, values
from tests.support.documents import Block, blocks
from tests.support.eventually import eventually

TRAINING = ("pyarrow", "pandas", "sklearn", "mlflow", "pydantic", "skops", "matplotlib", "onnx", "git", "github")


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    image = Image(make_bundle(tmp_path_factory.mktemp("bundles"), "1.4.0"))
    yield image
    shutil.rmtree(image.root)


@contextmanager
def serving(image: Image, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [image.inside(part).replace("8080", str(port)) for part in command("ENTRYPOINT") + command("CMD")]
    process = image.start(arguments, log)
    try:
        assert eventually(lambda: b"serving 1.4.0" in log.read_bytes() or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        return int(reserved.getsockname()[1])


def test_every_stage_begins_from_one_pinned_python_of_the_lock() -> None:
    (base,) = [value for value in values("ARG") if value.startswith("BASE=")]
    assert re.fullmatch(r"BASE=python:3\.11\.\d+-slim-\w+", base)
    assert {value.split()[0] for value in values("FROM")} == {"${BASE}"}
    assert "--python-version 3.11" in (ROOT / "Makefile").read_text()


def test_it_runs_as_a_numbered_user_who_is_not_root_from_the_verification_on() -> None:
    names = [instruction.name for instruction in instructions()]
    assert values("USER") == [f"{USER}:{USER}"]
    assert instructions()[names.index("USER") + 1].value == "slipway verify /srv/slipway/bundle"


def test_nothing_is_installed_without_a_hash_but_the_wheel_from_the_context() -> None:
    installs = [value for value in values("RUN") if "pip" in value.split()[0]]
    assert ["--require-hashes" in install for install in installs] == [True, False]
    assert "--no-index" in installs[1] and installs[1].endswith("/build/vendor/slipway_ml-*.whl")
    assert [value for value in values("RUN") if re.search(r"apt|curl|wget|uv ", value)] == []


def test_the_serving_lock_has_a_hash_for_every_package_and_is_what_the_image_installs() -> None:
    lock = (ROOT / "deploy/realtime/requirements.lock").read_text()
    packages = re.findall(r"^[\w-]+==[^\n]*\\\n(?:    --hash=sha256:[0-9a-f]{64})", lock, re.MULTILINE)
    assert len(packages) == len(re.findall(r"^[\w-]+==", lock, re.MULTILINE)) > 5


def test_no_secret_and_no_address_stands_in_it() -> None:
    text = DOCKERFILE.read_text()
    assert re.findall(r"https?://(?!127\.)", text) == []
    assert re.findall(r"(?i)\b\w*(token|password|secret|api_?key|credential)\w*", text) == []


def test_only_what_it_copies_reaches_the_builder() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    copied = [value.split()[0] for value in values("COPY") if not value.startswith("--from")]
    assert ignored == ["*", "!deploy/realtime/requirements.lock", "!dist/*.whl", "!.slipway/target/releases"]
    assert copied == ["dist/*.whl", "deploy/realtime/requirements.lock", "${BUNDLE}"]


def test_it_says_which_release_it_is_and_how_it_is_asked_and_stopped() -> None:
    (labels,) = values("LABEL")
    assert 'org.opencontainers.image.version="${VERSION}"' in labels
    assert 'org.opencontainers.image.revision="${REVISION}"' in labels
    assert (values("EXPOSE"), values("STOPSIGNAL")) == (["8080"], ["SIGTERM"])
    assert command("CMD")[command("CMD").index("--host") + 1] == "0.0.0.0"  # noqa: S104
    assert environment()["PYTHONDONTWRITEBYTECODE"] == environment()["ORT_DISABLE_TELEMETRY"] == "1"


@pytest.mark.parametrize("block", [b for b in blocks(ROOT / "docs/container.md") if b.language == "yaml"])
def test_every_manifest_in_the_documentation_asks_the_port_and_user_of_the_image(block: Block) -> None:
    text = json.dumps(yaml.safe_load(block.text))
    assert set(re.findall(r"\b8\d{3}\b", text)) == {"8080"}
    assert set(re.findall(r'"runAsUser": (\d+)', text)) <= {str(USER)}
    assert '"readOnlyRootFilesystem": true' in text or '"read_only": true' in text


@pytest.mark.slow
def test_it_serves_is_healthy_and_stops_when_asked_and_wrote_nothing(image: Image, tmp_path: Path) -> None:
    port, before = free_port(), image.files()
    healthy = [part.replace("8080", str(port)) for part in command("HEALTHCHECK")]
    assert image.run(*healthy)[0] == 1
    with serving(image, port, tmp_path / "log") as process:
        assert image.run(*healthy) == (0, "")
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            json.dumps({"inputs": GOLDEN}).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.headers["x-model-version"] == "1.4.0"
            assert len(json.load(answer)["predictions"]) == 5
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (tmp_path / "log").read_text()
    assert image.files() == before


@pytest.mark.slow
@pytest.mark.skipif(not AS_USER, reason="only root can become another user")
def test_its_user_can_write_neither_code_nor_bundle(image: Image) -> None:
    assert image.run("python", "-c", "import os; print(os.getuid())") == (0, f"{USER}\n")
    for place in ("opt/slipway/bin", "opt/slipway/lib", "srv/slipway/bundle"):
        code = f"import os, sys; sys.exit(os.access({str(image.root / place)!r}, os.W_OK))"
        assert image.run("python", "-c", code) == (0, "")


@pytest.mark.slow
def test_a_tampered_bundle_fails_the_build_and_the_start(image: Image, tmp_path: Path) -> None:
    bundle = image.root / "tampered"
    shutil.copytree(image.root / "srv/slipway/bundle", bundle)
    (bundle / "model.onnx").write_bytes(b"x")
    for arguments in (["verify", str(bundle)], ["serve", "--bundle", str(bundle), "--port", "0"]):
        code, said = image.run("slipway", *arguments)
        assert code != 0
        assert "'model.onnx'" in said and "has changed" in said
    shutil.rmtree(bundle)


@pytest.mark.slow
def test_no_training_library_is_installed_in_it(image: Image) -> None:
    code = (
        "import importlib.util as u, slipway.realtime.http.server, slipway.realtime.http.worker, slipway.realtime.http.app\n"
        "import slipway.inference.scorer\n"
        f"print([name for name in {TRAINING} if u.find_spec(name)])"
    )
    assert image.run("python", "-c", code) == (0, "[]\n")


@pytest.mark.slow
def test_its_packages_take_less_than_a_fifth_of_the_training_environment(image: Image) -> None:
    (serving_packages,) = image.root.glob("opt/slipway/lib/python*/site-packages")
    assert size(serving_packages) < size(Path(sysconfig.get_path("purelib"))) / 5


@pytest.mark.slow
def test_its_code_is_compiled_so_no_start_compiles_it(image: Image) -> None:
    (packages,) = image.root.glob("opt/slipway/lib/python*/site-packages")
    for source in (packages / "slipway").rglob("*.py"):
        assert list((source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")), source


@pytest.mark.slow
def test_the_server_knows_its_version(image: Image) -> None:
    version = tomllib.loads((ROOT / "src/pyproject.toml").read_text())["project"]["version"]
    assert image.run("slipway", "--version") == (0, f"slipway, version {version}\n")


def size(folder: Path) -> int:
    done = subprocess.run(["du", "-sk", str(folder)], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])
