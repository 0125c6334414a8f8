"""Release files as ``make-release`` leaves them, made of a small real bundle; their tags, and keys to sign them with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fake_github.fake import GitHub

from slipway.bundle.release_assets import NOTES, pack, write_sums
from slipway.bundle.release_file import verify
from slipway.github.promote import promote
from slipway.github.release_page import publish
from tests.support.bundles import make_bundle
from tests.support.git_repositories import git

ALL = {"contents": "write", "deployments": "write", "issues": "write", "actions": "write"}
"""All the powers that the workflows' jobs share between them."""
SETTINGS = """
name = "flights"
task = "regression"
[data]
function = "ingest.py:features"
target = "y"
[data.sources.rows]
uri = "rows.csv"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[features]
x = "double"
[train]
estimator = "sklearn.linear_model.Ridge"
[target]
path = "target"
"""

VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.1.0")
Client = Any


def bare_repository(folder: Path) -> Path:
    """One commit for each version on main, tagged."""
    work, bare = folder / "work", folder / "bare.git"
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main", "work")
    for version in VERSIONS:
        git(work, "commit", "-q", "--allow-empty", "-m", f"feat: {version}")
        git(work, "tag", f"v{version}")
    git(folder, "clone", "-q", "--bare", "work", "bare.git")
    return bare


def release_files(folder: Path, version: str, *, refused: bool = False, bias: float = 0.0) -> tuple[Path, str]:
    """The folder of a release's files, and the digest of their list."""
    return packed(folder, None if refused else make_bundle(folder / f"made-{version}", version, bias=bias), version)


def packed(folder: Path, bundle: Path | None, version: str) -> tuple[Path, str]:
    """The same of a bundle that is there already; a refused release has none."""
    dist = folder / f"dist-{version}"
    dist.mkdir(parents=True)
    (dist / NOTES).write_text(f"# {version}\n")
    (dist / "report.html").write_text("<html></html>")
    if bundle:
        pack(verify(bundle), dist)
    return dist, write_sums(dist)


def key_pair(folder: Path, name: str) -> tuple[str, Path]:
    """A PEM private key as text, and the file of its public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    public = folder / f"{name}.pem"
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, kind))
    return private.decode(), public


def quiet(line: str) -> None:
    """Say nothing."""


def publish_release(client: Client, folder: Path, version: str, *, tag: str = "", **made: Any) -> tuple[Path, str]:
    """Make a release's files and publish them on the page of its tag; returns them as `release_files` does."""
    files, digest = release_files(folder, version, **made)
    publish(client, tag or f"v{version}", files, digest=digest, say=quiet)
    return files, digest


def publish_and_promote(client: Client, folder: Path, *versions: str) -> None:
    """Publish and promote releases one after the other."""
    for number, version in enumerate(versions):
        publish_release(client, folder, version, bias=number / 10)
        promote(client, f"v{version}", who="ann", reason="released", rollback=False, say=quiet)


def truth(github: GitHub) -> list[tuple[str, bool, bool, list[tuple[str, str]]]]:
    """What stands on the pages: tag, draft, pre-release, and each asset with its digest."""
    return sorted(
        (r.tag_name, r.draft, r.prerelease, sorted((a.name, a.digest or "") for a in r.assets))
        for r in github.repository.releases
    )


Do = Callable[[], object]
