"""Read the drift reference in a bundle; bundles that were sealed before references existed have none."""

from __future__ import annotations

import hashlib

from slipway.bundle.release_file import Bundle
from slipway.errors import BundleError
from slipway.statistics.reference import REFERENCE_FILE, Reference, decode_reference


def reference_in(bundle: Bundle) -> Reference | None:
    """The reference against which drift from this release is measured; None if the bundle has none.

    Raises:
        BundleError: its bytes differ from the sealed ones, or have a format that this version of Slipway does not read.
    """
    sealed = bundle.release.files.get(REFERENCE_FILE)
    if sealed is None:
        return None
    path = bundle.path / REFERENCE_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from None
    if (actual := hashlib.sha256(content).hexdigest()) != sealed:
        raise BundleError(f"{path} has changed: sealed sha256 {sealed}, now {actual}")
    return decode_reference(content, str(path))
