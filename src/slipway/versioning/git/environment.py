"""The environment of the programs that a release runs: what they need, and no secret."""

from __future__ import annotations

import os

_KEPT = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "XDG_CONFIG_HOME", "GIT_COMMIT_AUTHOR", "GITHUB_REPOSITORY",
    "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
)  # fmt: skip
_ADDRESSES = ("GITHUB_SERVER_URL", "GITHUB_API_URL")


def plain_environment() -> dict[str, str]:
    """No token, no `GITHUB_OUTPUT` of the workflow, no address without TLS; plain text on wide lines.

    A `GITHUB_API_URL` that begins with http:// makes python-semantic-release stop ("Insecure connections"), though it
    would not call it.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    kept |= {name: url for name in _ADDRESSES if (url := os.environ.get(name, "")).startswith("https://")}
    return {**kept, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "1000"}
