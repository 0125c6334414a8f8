"""The assets of one release in a folder, ready for its page: the packed bundle among them, and SHA256SUMS over all."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from slipway.bundle.release_file import RELEASE_FILE, Bundle
from slipway.bundle.signature import sign
from slipway.errors import BundleError, NotFoundError, StorageError
from slipway.storage.archives import extract
from slipway.storage.digests import file_digest

SUMS = "SHA256SUMS"
NOTES = "notes.md"
BUNDLE_SUFFIX = ".bundle.tar.gz"
SIGNATURE = "release.json.sig"
ATTESTATIONS = (SIGNATURE, "provenance.json")
"""Made from the finished files by later jobs: they vouch for the others and are not listed among them."""
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._+-]*)")
_MAX_BYTES = 4 << 30


def write_sums(folder: Path) -> str:
    """List every file of the folder with its sha256; returns the digest of that list, which stands for them all."""
    names = sorted(path.name for path in folder.iterdir() if path.name not in (SUMS, *ATTESTATIONS))
    text = "".join(f"{file_digest(folder / name)}  {name}\n" for name in names)
    (folder / SUMS).write_text(text)
    return file_digest(folder / SUMS)


def check_sums(folder: Path, expected: str | None = None) -> dict[str, str]:
    """The listed files with their digests, once every one of them is there and right.

    Args:
        expected: the digest of the list itself, where another source names it.

    Raises:
        NotFoundError: there is no list.
        BundleError: the list or a file is not the expected one, or a file is missing or not listed.
    """
    path = folder / SUMS
    if not path.is_file():
        raise NotFoundError(f"there is no {SUMS} in {folder}, so its files cannot be checked")
    if expected is not None and (came := file_digest(path)) != expected:
        raise BundleError(f"{path} has the sha256 {came} but {expected} was expected; nothing was published")
    sums = parse_sums(path.read_text(), str(path))
    here = {file.name for file in folder.iterdir()} - {SUMS, *ATTESTATIONS}
    if here != sums.keys():
        raise BundleError(
            f"{folder} holds {_format_names(here)} but {SUMS} lists {_format_names(sums)}; nothing was published"
        )
    check_files(folder, sums)
    return sums


def check_files(folder: Path, sums: Mapping[str, str]) -> None:
    """Compare files with their digests.

    Raises:
        BundleError: one differs; the message has both digests.
    """
    for name, digest in sums.items():
        if (came := file_digest(folder / name)) != digest:
            raise BundleError(f"{folder / name} has the sha256 {came} but {digest} was released; nothing was changed")


def parse_sums(text: str, origin: str) -> dict[str, str]:
    """The digest of each file name in a list as ``sha256sum`` writes it.

    Raises:
        BundleError: a line is malformed or names a path.
    """
    matches = [_LINE.fullmatch(line) for line in text.splitlines()]
    if not matches or not all(matches):
        raise BundleError(f"{origin} is not a list of sha256 digests and file names")
    return {match[2]: match[1] for match in matches if match}


def write_sbom(lock: Path, out: Path) -> None:
    """Write the packages of a hashed requirements file as a CycloneDX bill of materials, the same bytes for the same lock.

    Raises:
        StorageError: it could not be written.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(lock), "--output-reproducible", "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StorageError(f"the bill of materials of {lock.name} could not be written: {done.stderr.strip()[-500:]}")


def pack(bundle: Bundle, into: Path) -> Path:
    """The bundle as one file, byte for byte the same for the same bundle."""
    archive = into / f"{bundle.release.name}-{bundle.release.version}{BUNDLE_SUFFIX}"
    paths = sorted(path for path in bundle.path.rglob("*") if path.is_file())
    with (
        archive.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path in paths:
            entry = tarfile.TarInfo(path.relative_to(bundle.path).as_posix())
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                tar.addfile(entry, content)
    return archive


def sign_bundle(folder: Path) -> Path:
    """Sign the packed bundle of a release's checked files; returns the signature's file beside them.

    Raises:
        NotFoundError: there is no bundle, since the gate refused the release.
        SignatureError, SettingsError: it could not be signed.
    """
    packed = next(folder.glob(f"*{BUNDLE_SUFFIX}"), None)
    if packed is None:
        raise NotFoundError(f"{folder} holds no bundle to sign, since the gate refused the release")
    with tempfile.TemporaryDirectory(prefix="slipway-unpacked-") as place:
        sign(unpack(packed, Path(place)) / RELEASE_FILE, folder / SIGNATURE)
    return folder / SIGNATURE


def unpack(archive: Path, into: Path) -> Path:
    """The folder of a packed bundle, to be verified before anything in it is used.

    Raises:
        BundleError: it is no archive, holds anything but plain files inside its folder, or is larger than 4 GiB.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = tar.getmembers()
            if sum(member.size for member in members) > _MAX_BYTES or not all(member.isfile() for member in members):
                raise BundleError(f"{archive.name} holds more than plain files of 4 GiB, so it was not unpacked")
            extract(tar, into)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise BundleError(f"{archive.name} cannot be unpacked: {error}") from None
    return into


def _format_names(names: set[str] | Mapping[str, str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
