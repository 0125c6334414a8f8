"""The real command line in this process: the same `main`, without paying for its imports at every call."""

from __future__ import annotations

import io
import os
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from slipway.cli.main import main


class Done(NamedTuple):
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def slipway(root: Path, *arguments: str, stdin: str = "", **variables: str) -> Done:
    """Run `slipway` in a folder, with these arguments, standard input and environment variables."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    given = patch.multiple(sys, argv=["slipway", *arguments], stdin=io.StringIO(stdin))
    with chdir(root), patch.dict(os.environ, variables), given, redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Done(code, out.getvalue(), err.getvalue())
