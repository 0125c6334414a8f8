"""The token reaches GitHub's server, once, and neither another server, nor a command line, nor an error."""

from __future__ import annotations

import base64
import datetime
import shutil
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from slipway.errors import ReleaseError
from slipway.versioning.tag_release import tag_release
from tests.support.git_repositories import git, released

TOKEN = "ghs_a-secret-token"
HEADER = "basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Server:
    """A TLS server that refuses everything, and the Authorization headers that came to it."""

    url: str
    came: list[list[str]]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    came: list[list[str]] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.headers.get_all("Authorization", []))
            self.send_error(403)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path / "server.pem"))
    monkeypatch.setenv("GIT_SSL_CAINFO", str(tmp_path / "server.pem"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as running:
        running.socket = context.wrap_socket(running.socket, server_side=True)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield Server(f"https://localhost:{running.server_port}", came)
        running.shutdown()


def certificate(path: Path) -> Path:
    """A certificate of our own for localhost, with its key, in one file."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def refused(root: Path, url: str) -> str:
    """The error of a release to a remote at this address."""
    git(root, "remote", "set-url", "origin", f"{url}/owner/name.git")
    with pytest.raises(ReleaseError) as caught:
        tag_release(root)
    return str(caught.value)


def test_the_token_is_sent_once_even_where_the_checkout_left_another_header(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = released(tmp_path)
    git(root, "config", f"http.{server.url}/.extraheader", "AUTHORIZATION: basic stale")
    monkeypatch.setenv("GITHUB_SERVER_URL", server.url)
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.abbrev")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "12")
    said = refused(root, server.url)
    assert server.came == [[HEADER]]
    assert "403" in said
    assert TOKEN not in said and HEADER.split()[1] not in said


def test_another_server_gets_no_token(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    root = released(tmp_path)
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    refused(root, server.url)
    assert server.came == [[]]


def test_no_command_line_ever_holds_the_token(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    root = released(tmp_path)
    real, log, folder = shutil.which("git"), tmp_path / "commands", tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setenv("GITHUB_SERVER_URL", server.url)
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    refused(root, server.url)
    ran = log.read_text()
    assert "ls-remote origin" in ran
    assert TOKEN not in ran and HEADER.split()[1] not in ran
