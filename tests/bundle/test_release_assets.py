"""The files of a release: the same bytes for the same bundle, and nothing is taken that differs from its digest."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.release_assets import SIGNATURE, SUMS, check_sums, pack, parse_sums, unpack, write_sbom, write_sums
from slipway.bundle.release_file import verify
from slipway.errors import BundleError, NotFoundError
from tests.support.bundles import make_bundle
from tests.support.git_repositories import ROOT


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "report.html").write_text("<html></html>")
    (folder / "notes.md").write_text("notes")
    return folder


def test_a_packed_bundle_comes_back_whole(tmp_path: Path) -> None:
    bundle = verify(make_bundle(tmp_path, "1.0.0"))
    back = verify(unpack(pack(bundle, tmp_path), tmp_path / "back"))
    assert (back.digest, back.release) == (bundle.digest, bundle.release)


def test_packing_twice_gives_the_same_bytes_whenever_the_files_were_written(tmp_path: Path) -> None:
    bundle = verify(make_bundle(tmp_path, "1.0.0"))
    first = pack(bundle, tmp_path).read_bytes()
    for path in bundle.path.iterdir():
        path.touch()
        path.chmod(0o600 if path.is_file() else 0o700)
    assert pack(bundle, tmp_path).read_bytes() == first


def test_a_bill_of_materials_is_valid_and_has_each_locked_package_with_its_digests(tmp_path: Path) -> None:
    # Their JSON Schema takes seconds to import, which every worker would pay for.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    lock, out = tmp_path / "requirements.lock", tmp_path / "sbom.cdx.json"
    packages = re.findall(
        r"^[\w.-]+==[^ ]+ (?:\\\n +--hash=\S+ ?)+", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    lock.write_text("\n".join(packages[:2]))
    write_sbom(lock, out)
    bill = json.loads(out.read_text())
    assert JsonStrictValidator(SchemaVersion.from_version(bill["specVersion"])).validate_str(out.read_text()) is None
    assert {f"{one['name']}=={one['version']}": digests_of(one) for one in bill["components"]} == {
        package.split()[0]: set(re.findall(r"sha256:(\w+)", package)) for package in packages[:2]
    }


def digests_of(component: Any) -> set[str]:
    return {digest["content"] for link in component["externalReferences"] for digest in link["hashes"]}


def test_checked_files_are_those_that_were_listed(files: Path) -> None:
    digest = write_sums(files)
    assert set(check_sums(files, digest)) == {"notes.md", "report.html"}


def test_a_signature_may_come_later(files: Path) -> None:
    digest = write_sums(files)
    (files / SIGNATURE).write_text("signature")
    assert SIGNATURE not in check_sums(files, digest)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda d: (d / "report.html").write_text("<html>!</html>"), "report.html: expected sha256"),
        (lambda d: (d / "report.html").unlink(), "SHA256SUMS lists notes.md, report.html"),
        (lambda d: (d / "more.txt").write_text("more"), "contains more.txt, notes.md"),
        (lambda d: (d / SUMS).write_text((d / SUMS).read_text() + "\n"), "SHA256SUMS: expected sha256"),
        (lambda d: (d / SUMS).write_text(""), "SHA256SUMS: expected sha256"),
    ],
)
def test_a_file_that_is_not_as_it_was_made_is_refused(files: Path, harm, said: str) -> None:  # type: ignore[no-untyped-def]
    digest = write_sums(files)
    harm(files)
    with pytest.raises(BundleError, match=said):
        check_sums(files, digest)


def test_files_without_a_list_are_refused(files: Path) -> None:
    with pytest.raises(NotFoundError, match="has no SHA256SUMS"):
        check_sums(files)


@pytest.mark.parametrize("line", ["", "short  name", f"{'a' * 64}  ../name", f"{'a' * 64}  a/b", f"{'a' * 64} name"])
def test_a_list_names_plain_files_only(line: str) -> None:
    with pytest.raises(BundleError, match="is not a list of sha256 digests"):
        parse_sums(line, "SHA256SUMS")


def archive(folder: Path, entry: tarfile.TarInfo, content: bytes = b"") -> Path:
    path = folder / "x.bundle.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(entry, io.BytesIO(content))
    return path


def test_an_archive_with_a_link_is_not_unpacked(tmp_path: Path) -> None:
    link = tarfile.TarInfo("model.onnx")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(BundleError, match="contains a link or a folder"):
        unpack(archive(tmp_path, link), tmp_path / "out")


def test_an_archive_that_leads_outside_is_not_unpacked(tmp_path: Path) -> None:
    outside = tarfile.TarInfo("../canary")
    with pytest.raises(BundleError, match="cannot be unpacked"):
        unpack(archive(tmp_path, outside), tmp_path / "out")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("keep", [0, 1, 10, 100])
def test_a_truncated_archive_is_named(tmp_path: Path, keep: int) -> None:
    path = pack(verify(make_bundle(tmp_path, "1.0.0")), tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BundleError, match="cannot be unpacked"):
        unpack(path, tmp_path / "out")
