"""Unpack tar archives safely: no member can be written outside the folder, on every Python 3.11."""

from __future__ import annotations

import posixpath
import tarfile
from pathlib import Path


def extract(archive: tarfile.TarFile, into: Path) -> None:
    """Unpack every member into a folder; links must point inside it.

    Raises:
        tarfile.TarError: a member is a device, or its path or link points outside the folder.
    """
    # `filter` was added in Python 3.11.4, and Debian 12 has 3.11.2 (https://docs.python.org/3.11/library/tarfile.html).
    if hasattr(tarfile, "data_filter"):
        archive.extractall(into, filter="data")
        return
    for member in archive.getmembers():
        _check_member(member)
    archive.extractall(into)  # noqa: S202 - every member was checked above


def _check_member(member: tarfile.TarInfo) -> None:
    if not (member.isfile() or member.isdir() or member.issym()):
        raise tarfile.TarError(f"{member.name!r} is not a file, a folder or a link")
    linked = posixpath.join(posixpath.dirname(member.name), member.linkname)
    for path in (member.name, linked if member.issym() else member.name):
        if path.startswith("/") or posixpath.normpath(path).split("/")[0] == "..":
            raise tarfile.TarError(f"{member.name!r} points outside the archive's folder")
