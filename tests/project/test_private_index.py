"""A package of a private index: `make lock` and `make setup` find it, and no lock tells where or with which password."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.new_projects import copy_of_new

pytestmark = pytest.mark.slow

NAME, PASSWORD = "robot", "s3cr3t-of-the-index"


class Index(SimpleHTTPRequestHandler):
    """Files for those who know the password."""

    def do_GET(self) -> None:
        wanted = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {wanted}":
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


def write_wheel(folder: Path) -> None:
    folder.mkdir(parents=True)
    info = "acme_features-1.2.0.dist-info"
    files = {
        "acme_features.py": "ANSWER = 42\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: acme-features\nVersion: 1.2.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}"
        for name, text in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    wheel = folder / "acme_features-1.2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A PEP 503 index with one wheel, behind a password."""
    write_wheel(tmp_path / "index" / "simple" / "acme-features")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Index, directory=str(tmp_path / "index")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/simple"
    server.shutdown()


def make(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    uv = Path(sys.executable).with_name("uv")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", f"UV={uv}", f"PYTHON={sys.executable}", *arguments]
    return subprocess.run(command, cwd=project, env=kept | environment, capture_output=True, text=True, check=False)


def test_a_private_package_is_locked_and_installed_and_no_lock_tells_from_where(
    churn: Path, tmp_path: Path, address: str
) -> None:
    project = copy_of_new(churn, tmp_path / "churn")
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace('dependencies = ["', 'dependencies = ["acme-features", "', 1))
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {NAME} password {PASSWORD}\n")
    netrc.chmod(0o600)
    refused = make(project, "lock", UV_INDEX=address)
    assert refused.returncode, "without the password it is not found"
    assert PASSWORD not in refused.stderr
    done = make(project, "lock", UV_INDEX=address, NETRC=str(netrc))
    assert done.returncode == 0, done.stderr
    for lock in (path for path in project.rglob("*.lock") if not path.is_symlink()):
        content = lock.read_text()
        assert ("acme-features==1.2.0" in content) is (".github" not in lock.parts), lock
        assert all(secret not in content for secret in (PASSWORD, NAME, "127.0.0.1", "://")), lock
    serving = "deploy/realtime/requirements.lock"
    done = make(project, "setup", f"LOCK={serving}", UV_INDEX=address, NETRC=str(netrc))
    assert done.returncode == 0, done.stderr
    answer = [str(project / ".venv/bin/python"), "-c", "import acme_features as a; print(a.ANSWER)"]
    assert subprocess.run(answer, capture_output=True, text=True, check=True).stdout == "42\n"
