"""git as a subprocess: never a shell, never a prompt, and the token in its environment, not in its arguments."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from slipway.errors import ReleaseError
from slipway.reporting.sanitize import one_line

_INHERITED_VARIABLES = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "XDG_CONFIG_HOME", "GIT_COMMIT_AUTHOR", "GITHUB_REPOSITORY",
    "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
)  # fmt: skip
_URL_VARIABLES = ("GITHUB_SERVER_URL", "GITHUB_API_URL")

REMOTE = "origin"
_REPOSITORY_VARIABLES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
)
"""What a hook's environment sets; here they would point git at another repository than the one it was given."""
_SERVER = "https://github.com"


def git(root: Path, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
    """What git says on its output, without the last line's end.

    Raises:
        ReleaseError: git is missing, or says no; the message names the command and repeats git's last line.
    """
    done = run(root, *arguments, extra=extra)
    if done.returncode:
        raise ReleaseError(f"`git {arguments[0]}` failed in {root}: {last_line(done.stderr)}; nothing was changed")
    return done.stdout.rstrip("\n")


def run(root: Path, *arguments: str, extra: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The finished process, whatever its exit code; text is UTF-8, and what is not is replaced."""
    try:
        return run_program(["git", "-C", str(root), *arguments], {**environment_of_git(), **(extra or {})})
    except FileNotFoundError:
        raise ReleaseError("git is not installed, and releases are made of its commits and tags; install it") from None


def run_program(
    command: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """The finished process of a program that is asked nothing and given nothing to read."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        check=False,
    )


def first_failure(root: Path, *commands: Sequence[str]) -> str:
    """Run commands one after the other until one fails; returns what that one said, or nothing."""
    for command in commands:
        done = run(root, *command)
        if done.returncode:
            return last_line(done.stderr)
    return ""


def environment_of_git() -> dict[str, str]:
    """Our own environment without what would lead git elsewhere, in a language that stays the same."""
    kept = {name: value for name, value in os.environ.items() if name not in _REPOSITORY_VARIABLES}
    return {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}


def credentials(root: Path) -> dict[str, str]:
    """``$GH_TOKEN`` (or ``$GITHUB_TOKEN``) as a header that git sends to GitHub and to nobody else.

    The first, empty, value drops the header that a checkout may have left in the repository's configuration: with both,
    GitHub refuses the request. A remote elsewhere gets no token.
    """
    token = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN")
    server = os.environ.get("GITHUB_SERVER_URL") or _SERVER
    url = run(root, "remote", "get-url", "--push", REMOTE).stdout.strip()
    if not token or urlsplit(url).scheme != "https" or urlsplit(url).hostname != urlsplit(server).hostname:
        return {}
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    key = f"http.https://{urlsplit(url).netloc.rpartition('@')[2]}/.extraheader"
    first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    return {
        "GIT_CONFIG_COUNT": str(first + 2),
        **{f"GIT_CONFIG_KEY_{number}": key for number in (first, first + 1)},
        f"GIT_CONFIG_VALUE_{first}": "",
        f"GIT_CONFIG_VALUE_{first + 1}": f"AUTHORIZATION: basic {basic}",
    }


def last_line(output: str) -> str:
    """The last thing that a program said, harmless to show."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return one_line(lines[-1], 300) if lines else "it did not say why"


def plain_environment() -> dict[str, str]:
    """No token, no `GITHUB_OUTPUT` of the workflow, no address without TLS; plain text on wide lines.

    A `GITHUB_API_URL` that begins with http:// makes python-semantic-release stop ("Insecure connections"), though it
    would not call it.
    """
    kept = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
    kept |= {name: url for name in _URL_VARIABLES if (url := os.environ.get(name, "")).startswith("https://")}
    return {**kept, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "1000"}
