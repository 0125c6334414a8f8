"""Sign ``release.json``, which lists every other file, with model-signing, and check that signature at staging."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.bundle.release_file import RELEASE_FILE, Bundle
from slipway.errors import NotFoundError, SettingsError, SignatureError

SignatureCheck = Callable[[Bundle], None]
KEY_VARIABLE = "SLIPWAY_SIGNING_KEY"


@dataclass(frozen=True)
class Trust:
    """The trusted signer: a key, or an identity that Sigstore confirms, such as a workflow. Empty trusts every bundle.

    ``{version}`` in the identity stands for the bundle's version: a workflow that runs at a tag has the tag in its
    identity. With ``allow_unsigned``, a bundle without a signature is accepted too, but none of another signer.
    """

    public_key: Path | None = None
    identity: str = ""
    issuer: str = ""
    allow_unsigned: bool = False

    def __bool__(self) -> bool:
        return self.public_key is not None or bool(self.identity)

    def signer_of(self, version: str) -> str:
        """The key or the identity that must have signed the bundle of this version."""
        if self.public_key is not None:
            return f"the key {self.public_key}"
        return self.identity.replace("{version}", version)


def sign(release: Path, signature: Path) -> None:
    """Sign a ``release.json`` with the PEM key in ``SLIPWAY_SIGNING_KEY``, or as the workflow that runs this.

    Raises:
        SettingsError: there is no key and no workflow identity.
        SignatureError: signing failed; no signature was written.
    """
    with _signing_folder(release.read_bytes()) as folder, _key_file() as key:
        if key is None and "ACTIONS_ID_TOKEN_REQUEST_URL" not in os.environ:
            raise SettingsError(
                f"nothing to sign with: set {KEY_VARIABLE} to a PEM private key, or run in a workflow with id-token: write"
            )
        new = folder.with_name("new.sig")
        try:
            _signer(key).sign(folder, new)
        except Exception as error:  # sigstore, cryptography and requests each raise their own
            raise SignatureError(f"{release} could not be signed: {error}; no signature was written") from error
        signature.write_bytes(new.read_bytes())


def accept_any(bundle: Bundle) -> None:
    """Accept every bundle, signed or not."""


def check_signature(bundle: Bundle, *, trust: Trust, signature: Path | None) -> None:
    """Accept a bundle only with the signature of the trusted signer; without ``trust``, accept every bundle.

    Raises:
        SignatureError: the bundle has no signature, or another signer's.
        NotFoundError: the public key is missing.
    """
    version = bundle.release.version
    if not trust:
        return
    if signature is None:
        if trust.allow_unsigned:
            return
        raise SignatureError(
            f"{version} is not signed, and [trust] accepts only bundles signed by {trust.signer_of(version)}"
        )
    with _signing_folder((bundle.path / RELEASE_FILE).read_bytes()) as folder:
        try:
            _verifier(trust, version).verify(folder, signature)
        except FileNotFoundError as error:
            raise NotFoundError(f"the public key of [trust] is missing: {error}") from None
        except Exception as error:  # sigstore, cryptography and json each raise their own
            raise SignatureError(f"{version} is not signed by {trust.signer_of(version)}: {error}") from error


def check_can_sign(trust: Trust) -> None:
    """Refuse, before any training, to build a bundle that the target would reject as unsigned.

    Raises:
        SignatureError: signatures are required, and there is no key to sign with.
    """
    if trust and not trust.allow_unsigned and not os.environ.get(KEY_VARIABLE):
        raise SignatureError(
            f"[trust] accepts only bundles signed by {trust.signer_of('X.Y.Z')}, and {KEY_VARIABLE} is not set, so "
            "nothing can be signed; nothing was started"
        )


def sign_and_check(bundle: Bundle, *, trust: Trust) -> None:
    """Sign a bundle that this checkout built, if signatures are required, and check it like any other.

    Raises:
        SignatureError: the key in the environment is not the trusted one.
    """
    if trust and not (trust.allow_unsigned and not os.environ.get(KEY_VARIABLE)):
        with tempfile.TemporaryDirectory(prefix="slipway-sign-") as folder:
            signature = Path(folder, "release.json.sig")
            sign(bundle.path / RELEASE_FILE, signature)
            check_signature(bundle, trust=trust, signature=signature)


def _signer(key: Path | None) -> Any:
    from model_signing import signing

    config: Any = signing.Config()  # type: ignore[no-untyped-call]
    if key is not None:
        return config.use_elliptic_key_signer(private_key=key)
    return config.use_sigstore_signer(use_ambient_credentials=True)


def _verifier(trust: Trust, version: str) -> Any:
    from model_signing import verifying

    config: Any = verifying.Config()  # type: ignore[no-untyped-call]
    if trust.public_key is not None:
        return config.use_elliptic_key_verifier(public_key=trust.public_key)
    return config.use_sigstore_verifier(identity=trust.signer_of(version), oidc_issuer=trust.issuer)


@contextmanager
def _signing_folder(release: bytes) -> Iterator[Path]:
    """A folder that contains only this file: model-signing signs folders, not files."""
    with tempfile.TemporaryDirectory(prefix="slipway-sign-") as folder:
        inner = Path(folder, "bundle")
        inner.mkdir()
        (inner / RELEASE_FILE).write_bytes(release)
        yield inner


@contextmanager
def _key_file() -> Iterator[Path | None]:
    """The key in the environment as a temporary file that only this user can read; None if there is no key."""
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        yield None
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(key)
        file.flush()
        yield Path(file.name)
