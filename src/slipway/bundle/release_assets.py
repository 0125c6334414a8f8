"""Pack, list, check and sign the assets of a release page: the packed bundle and the other files, with SHA256SUMS."""

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
CATALOG = "CATALOG.md"
"""The page that only a release of components has."""
BUNDLE_SUFFIX = ".bundle.tar.gz"
SIGNATURE = "release.json.sig"
ATTESTATIONS = (SIGNATURE, "provenance.json")
"""Files that later jobs add: they attest the finished files, so SHA256SUMS cannot list them."""
# A name without slashes: the list is downloaded too, and must not refer to a file outside its folder.
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._+-]*)")
_MAX_BYTES = 4 << 30
"""Limit for an unpacked bundle, so that a malicious archive cannot fill the disk of a serving host."""


def read_changes(root: Path, version: str) -> str:
    """Return a version's section of CHANGELOG.md with its heading; nothing if there is none, as after --tag-only."""
    path = root / "CHANGELOG.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(rf"^## v{re.escape(version)}\b.*?(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return found[0].strip() if found else ""


def write_sums(folder: Path) -> str:
    """Write ``SHA256SUMS`` over every file of the folder; returns the digest of that list, which covers them all."""
    names = sorted(path.name for path in folder.iterdir() if path.name not in (SUMS, *ATTESTATIONS))
    text = "".join(f"{file_digest(folder / name)}  {name}\n" for name in names)
    (folder / SUMS).write_text(text)
    return file_digest(folder / SUMS)


def check_sums(folder: Path, expected: str | None = None) -> dict[str, str]:
    """Check every file of the folder against ``SHA256SUMS``; returns the digest of each.

    Args:
        expected: the digest of the list itself, if another source states it.

    Raises:
        NotFoundError: there is no list.
        BundleError: the list or a file differs from the expected one, or a file is missing or not listed.
    """
    path = folder / SUMS
    if not path.is_file():
        raise NotFoundError(f"{folder} has no {SUMS}, so its files cannot be checked; nothing was published")
    if expected is not None and (actual := file_digest(path)) != expected:
        raise BundleError(f"{path}: expected sha256 {expected}, got {actual}; nothing was published")
    sums = parse_sums(path.read_text(), str(path))
    present = {file.name for file in folder.iterdir()} - {SUMS, *ATTESTATIONS}
    if present != sums.keys():
        raise BundleError(
            f"{folder} contains {_format_names(present)} but {SUMS} lists {_format_names(sums)}; nothing was published"
        )
    check_files(folder, sums)
    return sums


def check_files(folder: Path, sums: Mapping[str, str]) -> None:
    """Check files against their digests.

    Raises:
        BundleError: a file differs; the message has both digests.
    """
    for name, digest in sums.items():
        if (actual := file_digest(folder / name)) != digest:
            raise BundleError(
                f"{folder / name}: expected sha256 {digest} as released, got {actual}; nothing was changed"
            )


def parse_sums(text: str, origin: str) -> dict[str, str]:
    """Parse a list in the format of ``sha256sum``; returns the digest of each file name.

    Raises:
        BundleError: a line is malformed or contains a path.
    """
    matches = [_LINE.fullmatch(line) for line in text.splitlines()]
    if not matches or not all(matches):
        raise BundleError(f"{origin} is not a list of sha256 digests and file names")
    return {match[2]: match[1] for match in matches if match}


def write_sbom(lock: Path, out: Path) -> None:
    """Write the packages of a hashed requirements file as a reproducible CycloneDX bill of materials.

    Raises:
        StorageError: the bill of materials could not be written.
    """
    # Not validated: a test does that, and checking the grammar of every address would take nine tenths of the time.
    options = ("--no-validate", "--output-reproducible", "-o", str(out))
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(lock), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StorageError(f"the bill of materials of {lock.name} could not be written: {done.stderr.strip()[-500:]}")


def pack(bundle: Bundle, into: Path) -> Path:
    """Pack the bundle into one archive: the same bytes for the same bundle."""
    archive = into / f"{bundle.release.name}-{bundle.release.version}{BUNDLE_SUFFIX}"
    paths = sorted(path for path in bundle.path.rglob("*") if path.is_file())
    # Sorted names, no times and no owners: a rerun of deploy.yml must produce the published bytes again.
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
    """Sign the packed bundle in a folder of checked release files; returns the signature file, written to that folder.

    Raises:
        NotFoundError: there is no bundle, because the gate refused the release.
        SignatureError, SettingsError: the bundle could not be signed.
    """
    packed = next(folder.glob(f"*{BUNDLE_SUFFIX}"), None)
    if packed is None:
        raise NotFoundError(f"{folder} contains no bundle to sign: the gate refused the release")
    with tempfile.TemporaryDirectory(prefix="slipway-unpacked-") as unpacked:
        sign(unpack(packed, Path(unpacked)) / RELEASE_FILE, folder / SIGNATURE)
    return folder / SIGNATURE


def unpack(archive: Path, into: Path) -> Path:
    """Unpack a packed bundle; returns the folder. Verify it before you use anything in it.

    Raises:
        BundleError: the file is not an archive, contains anything except plain files inside its folder, or is larger
            than 4 GiB.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = tar.getmembers()
            if sum(member.size for member in members) > _MAX_BYTES or not all(member.isfile() for member in members):
                raise BundleError(
                    f"{archive.name} contains a link or a folder, or more than 4 GiB of files, so it was not unpacked"
                )
            extract(tar, into)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise BundleError(f"{archive.name} cannot be unpacked: {error}") from None
    return into


def _format_names(names: set[str] | Mapping[str, str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
