"""One signature over ``release.json``, which names every other file: made by model-signing, checked at staging."""

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
    """Whose signature counts: that of a key, or of an identity that Sigstore vouches for, such as a workflow's."""

    public_key: Path | None = None
    identity: str = ""
    issuer: str = ""

    def __bool__(self) -> bool:
        return self.public_key is not None or bool(self.identity)


def sign(release: Path, signature: Path) -> None:
    """Sign a ``release.json``: with the PEM key in ``SLIPWAY_SIGNING_KEY``, or as the workflow that runs this.

    Raises:
        SettingsError: there is neither a key nor a workflow's identity.
        SignatureError: signing failed; no signature was written.
    """
    with _signing_folder(release.read_bytes()) as folder, _key_file() as key:
        if key is None and "ACTIONS_ID_TOKEN_REQUEST_URL" not in os.environ:
            raise SettingsError(
                f"nothing to sign with: set {KEY_VARIABLE} to a PEM private key, or run in a workflow with id-token: write"
            )
        made = folder.with_name("made.sig")
        try:
            _signer(key).sign(folder, made)
        except Exception as error:  # sigstore, cryptography and requests each raise their own
            raise SignatureError(f"{release} could not be signed: {error}; no signature was written") from error
        signature.write_bytes(made.read_bytes())


def accept_any(bundle: Bundle) -> None:
    """Take a bundle whoever made it."""


def check_signature(bundle: Bundle, *, trust: Trust, signature: Path | None) -> None:
    """Take a bundle only with the signature of one who is trusted, where anyone in particular is.

    Raises:
        SignatureError: it has no signature, or not that one's.
    """
    version = bundle.release.version
    if not trust:
        return
    if signature is None:
        raise SignatureError(f"{version} is not signed, and [trust] takes only what {_trusted_signer(trust)} signed")
    with _signing_folder((bundle.path / RELEASE_FILE).read_bytes()) as folder:
        try:
            _verifier(trust).verify(folder, signature)
        except FileNotFoundError as error:
            raise NotFoundError(f"the public key of [trust] is not there: {error}") from None
        except Exception as error:  # sigstore, cryptography and json each raise their own
            raise SignatureError(f"{version} is not signed by {_trusted_signer(trust)}: {error}") from error


def check_can_sign(trust: Trust) -> None:
    """Refuse, before any work, to make a bundle that the target could never take.

    Raises:
        SignatureError: signatures are asked for, and there is no key to make one with.
    """
    if trust and not os.environ.get(KEY_VARIABLE):
        raise SignatureError(
            f"[trust] takes only what {_trusted_signer(trust)} signed, and {KEY_VARIABLE} holds no key to sign with; "
            "nothing was started"
        )


def sign_and_check(bundle: Bundle, *, trust: Trust) -> None:
    """Sign a bundle of this checkout's own, where signatures are asked for, and check it as any other.

    Raises:
        SignatureError: the key of the environment is not the one that is trusted.
    """
    if trust:
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


def _verifier(trust: Trust) -> Any:
    from model_signing import verifying

    config: Any = verifying.Config()  # type: ignore[no-untyped-call]
    if trust.public_key is not None:
        return config.use_elliptic_key_verifier(public_key=trust.public_key)
    return config.use_sigstore_verifier(identity=trust.identity, oidc_issuer=trust.issuer)


def _trusted_signer(trust: Trust) -> str:
    return f"the key {trust.public_key}" if trust.public_key is not None else trust.identity


@contextmanager
def _signing_folder(release: bytes) -> Iterator[Path]:
    """A folder with nothing but the file, for model-signing signs folders."""
    with tempfile.TemporaryDirectory(prefix="slipway-sign-") as folder:
        inner = Path(folder, "bundle")
        inner.mkdir()
        (inner / RELEASE_FILE).write_bytes(release)
        yield inner


@contextmanager
def _key_file() -> Iterator[Path | None]:
    """The key of the environment as a file that only we can read, for as long as it is needed."""
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        yield None
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(key)
        file.flush()
        yield Path(file.name)
