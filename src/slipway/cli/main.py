"""`slipway`: one verb for each thing that a person does."""

from __future__ import annotations

import errno
import sys

import click

from slipway.__about__ import installed
from slipway.cli.batch import batch
from slipway.cli.champion import resume, rollback, ship
from slipway.cli.drift import drift, report_drift
from slipway.cli.gate import gate
from slipway.cli.github import (
    dispatch,
    make_release,
    promote,
    pull,
    register,
    release_page,
    release_plan,
    report_refusal,
    sign,
)
from slipway.cli.maintenance import backup, prune, restore
from slipway.cli.model import predict, run, verify, write
from slipway.cli.release import build_package, check, commits, init, preview, release
from slipway.cli.retrain import retrain
from slipway.cli.serve import serve
from slipway.cli.state import doctor, history, status
from slipway.errors import SlipwayError, StorageError


def _say_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"slipway, version {installed()[1]}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Show the version and exit.",
)
def slipway() -> None:
    """Take a model from a commit to a served, traceable, reversible release."""


@slipway.group()
def contract() -> None:
    """The model's public interface."""


contract.add_command(write)
contract.add_command(check)
_MODEL = (run, gate, ship, serve, predict, batch, drift, rollback, resume, status, history, doctor, verify)
_HOUSE = (prune, backup, restore)
_PAGE = (release_plan, make_release, sign, release_page, report_refusal, promote)
_GITHUB = (*_PAGE, report_drift, pull, register, dispatch)
_RELEASE = (init, commits, preview, release, build_package, retrain)
for command in (*_MODEL, *_HOUSE, *_GITHUB, *_RELEASE):
    slipway.add_command(command)


def main() -> None:
    """The one place where an error becomes a sentence on stderr and an exit code."""
    try:
        slipway()
    except SlipwayError as error:
        print(f"slipway: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        print(f"slipway: {error.strerror}: {error.filename}; nothing half-written was left", file=sys.stderr)
        raise SystemExit(StorageError.exit_code) from None
