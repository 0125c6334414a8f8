"""The reference that a bundle carries; one that was sealed before there were any has none, and loads all the same."""

from __future__ import annotations

import hashlib

from slipway.bundle.release_file import Bundle
from slipway.errors import BundleError
from slipway.statistics.reference import REFERENCE_FILE, Reference, decode_reference


def reference_in(bundle: Bundle) -> Reference | None:
    """What drift from this release is measured against.

    Raises:
        BundleError: its bytes are not the sealed ones, or of a format that this Slipway does not know.
    """
    sealed = bundle.release.files.get(REFERENCE_FILE)
    if sealed is None:
        return None
    path = bundle.path / REFERENCE_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from None
    if (came := hashlib.sha256(content).hexdigest()) != sealed:
        raise BundleError(f"{path} has changed: its sha256 is {came} but {sealed} was sealed")
    return decode_reference(content, str(path))
