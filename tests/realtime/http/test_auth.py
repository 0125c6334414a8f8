"""With tokens only those may ask who bring one; they change without a restart, and a rollout needs none of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway.bundle.release_file import decode_golden, verify
from slipway.errors import SettingsError
from slipway.realtime.http.auth import read_tokens
from slipway.realtime.http.options import Options, Tls
from slipway.realtime.http.server import serve
from slipway.target.readiness import check_golden_response, live_servers, wait_for_workers
from tests.support.bundles import GOLDEN, flip, make_bundle
from tests.support.eventually import eventually
from tests.support.running_server import JSON, Running, running

OLD, NEW = "old-token-of-twenty!", "new-token-of-twenty!"
ROW = {name: [values[0]] for name, values in GOLDEN.items()}


def make_target(folder: Path) -> Path:
    flip(folder, make_bundle(folder / "releases", "1.0.0"))
    return folder


def write_tokens(folder: Path) -> Path:
    file = folder / "tokens.txt"
    file.write_text(f"# the web shop\n{OLD}\n\n")
    return file


@contextmanager
def serving(target: Path, tokens: Path) -> Iterator[Running]:
    with running(target=target, token_file=tokens) as server:
        assert wait_for_workers(target, verify(target / "current").digest, 60) == []
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of which tests only ask."""
    folder = tmp_path_factory.mktemp("shared")
    with serving(make_target(folder), write_tokens(folder)) as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return make_target(tmp_path)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return write_tokens(tmp_path)


@pytest.fixture
def own_server(target: Path, tokens: Path) -> Iterator[Running]:
    """A server whose tokens and target a test may change."""
    with serving(target, tokens) as server:
        yield server


def status(server: Running, token: str) -> int:
    return server.post({"inputs": ROW}, authorization=f"Bearer {token}").status


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong-token-of-20-chars", f"Basic {OLD}", f"Bearer {OLD}x", OLD]
)
def test_without_a_known_token_the_answer_is_401(server: Running, given: str) -> None:
    answer = server.post({"inputs": ROW}, **({"authorization": given} if given else {}))
    assert (answer.status, answer.json["error_code"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == 'Bearer realm="slipway"'
    assert OLD not in answer.body.decode()


def test_with_a_token_the_model_answers(server: Running) -> None:
    assert status(server, OLD) == 200
    assert server.post({"inputs": ROW}, authorization=f"bearer  {OLD} ").status == 200


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/ping", 200),
        ("/health", 200),
        ("/v2/health/live", 200),
        ("/v2/health/ready", 200),
        ("/docs", 200),
        ("/", 307),
        ("/openapi.json", 200),
        ("/version", 401),
        ("/metrics", 401),
        ("/v2", 401),
        ("/v2/models/flights", 401),
    ],
)
def test_probes_and_documents_are_open_and_all_else_is_not(server: Running, path: str, expected: int) -> None:
    answer = server.ask("GET", path)
    assert answer.status == expected
    assert expected < 400 or answer.json.keys() == ({"error"} if "/v2" in path else {"error_code", "message"})


def test_tokens_change_while_the_server_runs(own_server: Running, tokens: Path) -> None:
    tokens.write_text(f"{OLD}\n{NEW}\n")
    assert eventually(lambda: [status(own_server, NEW) for _ in range(10)] == [200] * 10)
    assert status(own_server, OLD) == 200
    tokens.write_text(f"{NEW}\n")
    assert eventually(lambda: [status(own_server, OLD) for _ in range(10)] == [401] * 10)
    assert status(own_server, NEW) == 200


@pytest.mark.parametrize("text", ["", "short\n", None])
def test_a_file_that_goes_wrong_opens_nothing_and_shuts_nobody_out(
    own_server: Running, tokens: Path, text: str | None
) -> None:
    tokens.unlink() if text is None else tokens.write_text(text)
    assert eventually(lambda: own_server.log.read_text().count("keeps its current tokens") == 2)
    assert (status(own_server, OLD), own_server.post({"inputs": ROW}).status) == (200, 401)
    assert OLD not in own_server.log.read_text()


def test_tokens_may_come_from_the_environment(target: Path) -> None:
    with running(target=target, variables={"SLIPWAY_TOKENS": OLD}) as server:
        assert (status(server, OLD), server.post({"inputs": ROW}).status) == (200, 401)


def test_a_rollout_asks_the_golden_rows_without_a_token_of_a_caller(target: Path, own_server: Running) -> None:
    (known,) = live_servers(target)
    golden = decode_golden((target / "current/golden.json").read_bytes(), "golden.json")
    assert check_golden_response(target, known, golden, "1.0.0") == []
    (file,) = (target / "servers").glob("*/token")
    assert file.stat().st_mode & 0o777 == 0o600
    file.unlink()
    assert " 401: " in check_golden_response(target, known, golden, "1.0.0")[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "contains no token, so the server would accept every request; write one token per line, or omit"),
        ("# only this\n", "contains no token, so the server would accept every request"),
        (f"{OLD}\nshort\n", r"token 2 of .* must have at least 16 ASCII characters and no spaces, got 5 characters"),
        ("has a space in the middle\n", r"token 1 of .* must have at least 16 ASCII characters and no spaces"),
        ("ümlaut-in-a-token-of-20\n", r"token 1 of .* must have at least 16 ASCII characters"),
    ],
)
def test_bad_tokens_stop_the_start(target: Path, tokens: Path, text: str, message: str) -> None:
    tokens.write_text(text)
    with pytest.raises(SettingsError, match=message) as refused:
        serve(Options(port=0, token_file=tokens), target=target)
    assert "short" not in str(refused.value)


def test_a_missing_file_of_tokens_stops_the_start(target: Path) -> None:
    with pytest.raises(SettingsError, match=r"the tokens in .*none.txt cannot be read: .*No such file"):
        serve(Options(port=0, token_file=target / "none.txt"), target=target)


def test_no_tokens_are_asked_for_where_none_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_TOKENS", raising=False)
    assert read_tokens(None) == ()


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=model.example"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return Tls(certificate, key)


def test_over_tls_clients_and_rollouts_are_answered(target: Path, tls: Tls) -> None:
    options = {"certificate": str(tls.certificate), "key": str(tls.key)}
    with running(target=target, tls=options) as server:
        url = f"https://model.example:{server.port}/ping"
        resolved = f"model.example:{server.port}:127.0.0.1"
        command = ["curl", "-s", "-i", "--cacert", str(tls.certificate), "--resolve", resolved, url]
        assert " 200" in subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]
        (known,) = live_servers(target)
        golden = decode_golden((target / "current/golden.json").read_bytes(), "golden.json")
        assert check_golden_response(target, known, golden, "1.0.0") == []


def test_a_key_of_another_certificate_stops_the_start(target: Path, tls: Tls) -> None:
    tls.key.write_text("no key")
    with pytest.raises(SettingsError, match=r"the certificate .* and the key .* cannot be used together"):
        serve(Options(port=0, tls=tls), target=target)


def test_a_request_for_the_version_has_json(server: Running) -> None:
    assert server.ask("GET", "/version", headers=JSON | {"authorization": f"Bearer {OLD}"}).json["release"] == "1.0.0"
