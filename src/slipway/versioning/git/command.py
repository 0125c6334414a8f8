"""Run git as a subprocess: no shell, no prompts, and the token in the environment instead of on the command line."""

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
"""Variables that git sets for its hooks; with them, git would use the hook's repository and not the one given by -C."""
_SERVER = "https://github.com"


def git(root: Path, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
    """Return git's standard output without the final newline.

    Raises:
        ReleaseError: git is missing or failed; the message names the command and contains git's last line.
    """
    done = run(root, *arguments, extra=extra)
    if done.returncode:
        raise ReleaseError(f"`git {arguments[0]}` failed in {root}: {last_line(done.stderr)}; nothing was changed")
    return done.stdout.rstrip("\n")


def run(root: Path, *arguments: str, extra: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run git and return the finished process, whatever its exit code; bytes that are not UTF-8 are replaced."""
    try:
        return run_program(["git", "-C", str(root), *arguments], {**environment_of_git(), **(extra or {})})
    except FileNotFoundError:
        raise ReleaseError(
            "git is not installed; Slipway records releases as git commits and tags, so install git"
        ) from None


def run_program(
    command: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program without standard input and return the finished process."""
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
    """Run git commands in order until one fails; return the last line of its output, or nothing if none failed."""
    for command in commands:
        done = run(root, *command)
        if done.returncode:
            return last_line(done.stderr)
    return ""


def environment_of_git() -> dict[str, str]:
    """Return the environment for git: our own, without variables that select a repository, and with messages in English."""
    kept = {name: value for name, value in os.environ.items() if name not in _REPOSITORY_VARIABLES}
    return {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}


def credentials(root: Path) -> dict[str, str]:
    """Return git settings that send ``$GH_TOKEN`` (or ``$GITHUB_TOKEN``) as a header to GitHub and to no other server.

    The first, empty value removes a header that actions/checkout may have left in the repository's configuration; with
    both, GitHub rejects the request. A remote on another server gets no token.
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
    """Return the last line of a program's output, escaped for display."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return one_line(lines[-1], 300) if lines else "it printed no reason"


def plain_environment() -> dict[str, str]:
    """Return an environment without tokens, without the workflow's `GITHUB_OUTPUT`, and with plain, wide output.

    URLs without TLS are omitted too: python-semantic-release stops at a `GITHUB_API_URL` that begins with http://
    ("Insecure connections"), even though it never calls it.
    """
    kept = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
    kept |= {name: url for name in _URL_VARIABLES if (url := os.environ.get(name, "")).startswith("https://")}
    return {**kept, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "1000"}
