"""A bundle is used only when every byte is the one that was sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.bundle.release_file import bundle_digest, digest_in_name, folder_name, verify, verify_and_read
from slipway.errors import BundleError, NotFoundError
from slipway.storage.digests import file_digest
from tests.support.bundles import make_bundle, seal


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path)


def test_an_untouched_bundle_is_verified_and_named_by_its_digest(bundle: Path) -> None:
    verified = verify(bundle)
    assert (
        verified.digest == hashlib.sha256((bundle / "release.json").read_bytes()).hexdigest() == bundle_digest(bundle)
    )
    assert verified.release.version == "1.2.3"
    assert bundle.name == folder_name("1.2.3", verified.digest)
    assert digest_in_name(bundle) == verified.digest[:12]


def test_a_link_to_a_bundle_is_followed_to_its_real_folder(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(bundle.name)
    assert verify(tmp_path / "current").path == bundle.resolve()


def test_a_changed_file_is_named_with_both_digests(bundle: Path) -> None:
    model = bundle / "model.onnx"
    sealed = file_digest(model)
    model.write_bytes(model.read_bytes()[:-1] + b"!")
    with pytest.raises(BundleError, match=f"'model.onnx'.*sealed sha256 {sealed}, now {file_digest(model)}"):
        verify(bundle)


def test_a_missing_file_is_named_with_its_digest(bundle: Path) -> None:
    sealed = file_digest(bundle / "notes" / "MLmodel")
    (bundle / "notes" / "MLmodel").unlink()
    with pytest.raises(BundleError, match=f"'notes/MLmodel' is missing.*{sealed}"):
        verify(bundle)


@pytest.mark.parametrize("name", ["more.txt", "notes/more.txt", "new/deep/more.txt"])
def test_an_extra_file_is_refused_wherever_it_lies(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(parents=True, exist_ok=True)
    (bundle / name).write_text("more")
    with pytest.raises(BundleError, match=f"'{name}' in .* is not listed.* {hashlib.sha256(b'more').hexdigest()}"):
        verify(bundle)


@pytest.mark.parametrize("name", ["model.onnx", "release.json", "notes"])
def test_a_link_inside_a_bundle_is_refused_even_to_the_right_bytes(bundle: Path, tmp_path: Path, name: str) -> None:
    (bundle / name).rename(tmp_path / "elsewhere")
    (bundle / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match=f"{name}.* is a link"):
        verify(bundle)


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-10], lambda b: b"", lambda b: b"[]", lambda b: b.replace(b"commit", b"x")]
)
def test_a_damaged_release_file_is_refused(bundle: Path, damage: Callable[[bytes], bytes]) -> None:
    path = bundle / "release.json"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BundleError, match=r"release.json is malformed or truncated"):
        verify(bundle)


def test_a_newer_format_says_to_upgrade(bundle: Path) -> None:
    (bundle / "release.json").write_text('{"format": 2, "what": "unknown"}')
    with pytest.raises(BundleError, match="bundle format 2, .* reads format 1; upgrade Slipway on this host first"):
        verify(bundle)


def test_a_field_that_a_later_slipway_adds_is_read_over(bundle: Path) -> None:
    seal(bundle, "1.2.3", signature_hint="later")
    assert verify(bundle).release.version == "1.2.3"


def test_a_bundle_sealed_again_is_not_the_expected_one(bundle: Path) -> None:
    expected = verify(bundle).digest
    (bundle / "notes" / "MLmodel").write_text("forged")
    forged = seal(bundle, "1.2.3")
    with pytest.raises(BundleError, match=f"expected a sha256 that begins with {expected[:12]}, got {forged}"):
        verify(bundle, expected_digest=digest_in_name(bundle))


def test_a_folder_without_a_bundle_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no bundle at"):
        verify(tmp_path)


def test_a_listed_file_outside_the_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("x")
    seal(bundle, "1.2.3", files={**verify(bundle).release.files, "../outside": file_digest(tmp_path / "outside")})
    with pytest.raises(BundleError, match=r"'../outside' is missing"):
        verify(bundle)


def test_the_bytes_that_were_verified_are_handed_back(bundle: Path) -> None:
    _, files = verify_and_read(bundle, ("model.onnx", "absent"))
    assert files == {"model.onnx": (bundle / "model.onnx").read_bytes()}
