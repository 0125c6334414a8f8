"""Who signed a bundle: a real key, and every way in which a signature can be another one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from slipway.bundle.release_file import RELEASE_FILE, Bundle, verify
from slipway.bundle.signature import KEY_VARIABLE, Trust, check_signature, sign, sign_and_check
from slipway.errors import NotFoundError, SettingsError, SignatureError
from slipway.rollout.rollout import roll_out
from slipway.target.target import Target
from tests.support.bundles import make_bundle
from tests.support.release_files import key_pair


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return verify(make_bundle(tmp_path, "1.0.0"))


@pytest.fixture
def signed(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Trust, Path]:
    private, public = key_pair(tmp_path, "ours")
    monkeypatch.setenv(KEY_VARIABLE, private)
    sign(bundle.path / RELEASE_FILE, tmp_path / "release.json.sig")
    return Trust(public_key=public), tmp_path / "release.json.sig"


def test_a_bundle_that_a_trusted_key_signed_is_taken(bundle: Bundle, signed: tuple[Trust, Path]) -> None:
    trust, signature = signed
    check_signature(bundle, trust=trust, signature=signature)


def test_where_nobody_is_trusted_in_particular_no_signature_is_needed(bundle: Bundle) -> None:
    check_signature(bundle, trust=Trust(), signature=None)


def test_an_unsigned_bundle_is_refused(bundle: Bundle, signed: tuple[Trust, Path]) -> None:
    with pytest.raises(SignatureError, match="1.0.0 is not signed"):
        check_signature(bundle, trust=signed[0], signature=None)


def test_unsigned_is_allowed_only_where_it_says_so_and_never_a_strangers_signature(
    bundle: Bundle, signed: tuple[Trust, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, stranger = key_pair(tmp_path, "stranger")
    check_signature(bundle, trust=replace(signed[0], allow_unsigned=True), signature=None)
    with pytest.raises(SignatureError, match="is not signed by the key"):
        check_signature(bundle, trust=Trust(stranger, allow_unsigned=True), signature=signed[1])
    monkeypatch.delenv(KEY_VARIABLE)
    sign_and_check(bundle, trust=replace(signed[0], allow_unsigned=True))
    with pytest.raises(SettingsError, match="nothing to sign with"):
        sign_and_check(bundle, trust=signed[0])


def test_the_version_in_a_workflows_identity_is_the_bundles() -> None:
    workflow = "https://github.com/octo/churn/.github/workflows/deploy.yml@refs/tags/v{version}"
    trust = Trust(identity=workflow, issuer="https://token.actions.githubusercontent.com")
    assert trust.signer_of("1.2.3") == workflow.replace("{version}", "1.2.3")


def test_a_signature_by_another_key_is_refused(bundle: Bundle, signed: tuple[Trust, Path], tmp_path: Path) -> None:
    _, stranger = key_pair(tmp_path, "stranger")
    with pytest.raises(SignatureError, match="is not signed by the key"):
        check_signature(bundle, trust=Trust(public_key=stranger), signature=signed[1])


def test_a_signature_of_another_release_is_refused(signed: tuple[Trust, Path], tmp_path: Path) -> None:
    other = verify(make_bundle(tmp_path / "other", "1.0.1"))
    with pytest.raises(SignatureError, match="1.0.1 is not signed by"):
        check_signature(other, trust=signed[0], signature=signed[1])


@pytest.mark.parametrize("content", ["", "{}", "no signature"])
def test_a_damaged_signature_is_refused(bundle: Bundle, signed: tuple[Trust, Path], content: str) -> None:
    signed[1].write_text(content)
    with pytest.raises(SignatureError):
        check_signature(bundle, trust=signed[0], signature=signed[1])


def test_a_missing_public_key_is_named(bundle: Bundle, signed: tuple[Trust, Path], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="public key"):
        check_signature(bundle, trust=Trust(public_key=tmp_path / "gone.pem"), signature=signed[1])


def test_without_a_key_or_an_identity_nothing_is_signed(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)
    with pytest.raises(SettingsError, match="nothing to sign with"):
        sign(bundle.path / RELEASE_FILE, tmp_path / "sig")
    assert not (tmp_path / "sig").exists()


def test_a_key_that_is_none_leaves_no_signature(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----")
    with pytest.raises(SignatureError, match="could not be signed"):
        sign(bundle.path / RELEASE_FILE, tmp_path / "sig")
    assert not (tmp_path / "sig").exists()


def test_a_rollout_takes_only_what_is_vouched_for(bundle: Bundle, signed: tuple[Trust, Path], tmp_path: Path) -> None:
    target, (trust, signature) = Target(tmp_path / "target"), signed
    out = partial(roll_out, target, bundle.path, who="ann", reason="new", allow_prerelease=False)
    with pytest.raises(SignatureError):
        out(check_signature=partial(check_signature, trust=trust, signature=None))
    assert target.champion_folder() is None
    assert target.releases() == []
    assert target.entries() == []
    assert out(check_signature=partial(check_signature, trust=trust, signature=signature)).outcome == "proved"
