"""Write the files for the release page of a components repository: its notes and its catalog."""

from __future__ import annotations

import re
from pathlib import Path

from slipway.bundle.release_assets import CATALOG, NOTES, read_changes, write_sums
from slipway.commands.components.catalog import render_catalog
from slipway.errors import StorageError, VersionError
from slipway.versioning.checkout_version import version_of


def make_components_release(root: Path, into: Path) -> str:
    """Write the files of the release of the checked-out tag, and return its version.

    Raises:
        VersionError: this is not an unchanged checkout of a release tag.
        StorageError: the folder is not empty.
        SettingsError: a component cannot be read.
    """
    version = version_of(root)
    if not version.exact:
        raise VersionError(f"{root} is at {version.text}, not at a release tag, so no release can be created")
    if into.exists() and any(into.iterdir()):
        raise StorageError(f"{into} is not empty; name an empty folder, because everything in it is published")
    into.mkdir(parents=True, exist_ok=True)
    catalog = render_catalog(root)
    lower = re.sub("^#", "##", catalog, flags=re.MULTILINE)  # the page's own heading is the version
    notes = f"{read_changes(root, version.text)}\n\n{lower}"
    (into / CATALOG).write_text(catalog, encoding="utf-8")
    (into / NOTES).write_text(notes, encoding="utf-8")
    write_sums(into)
    return version.text
