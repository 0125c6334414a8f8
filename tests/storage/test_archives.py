"""No member of an archive leaves its folder, also on a Python 3.11 that has no filter for it."""

import io
import tarfile
from pathlib import Path

import pytest

from slipway.storage.archives import extract

FILTERS = [
    pytest.param(True, marks=pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="Python before 3.11.4")),
    False,
]


@pytest.fixture(params=FILTERS, ids=["with the filter of Python 3.11.4", "without"], autouse=True)
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python of the machine, and one that has no filter yet, as Debian 12's."""
    if not request.param:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


def archive(path: Path, *members: tarfile.TarInfo) -> tarfile.TarFile:
    with tarfile.open(path, "w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return tarfile.open(path)


def member(name: str, kind: bytes = tarfile.REGTYPE, leads_to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, leads_to, 3 if kind == tarfile.REGTYPE else 0
    return info


def test_files_folders_and_links_inside_are_unpacked(tmp_path: Path) -> None:
    link = member("a/link", tarfile.SYMTYPE, "../b/file")
    with archive(tmp_path / "t.tar", member("a", tarfile.DIRTYPE), member("b/file"), link) as tar:
        extract(tar, tmp_path / "out")
    assert (tmp_path / "out/a/link").read_bytes() == b"xxx"


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside"),
        member("a/../../outside"),
        member("a/link", tarfile.SYMTYPE, "../../outside"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda info: f"{info.name} {info.linkname}".strip(),
)
def test_a_member_that_leaves_the_folder_is_refused(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    with archive(tmp_path / "t.tar", hostile) as tar, pytest.raises(tarfile.TarError):
        extract(tar, tmp_path / "out")
    assert not (tmp_path / "outside").exists()
    assert not any(path.is_file() for path in (tmp_path / "out").rglob("*"))
