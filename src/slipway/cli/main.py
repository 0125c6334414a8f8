"""`slipway`: one verb for each thing that a person does."""

from __future__ import annotations

import errno
import sys

import click

from slipway.__about__ import name_and_version
from slipway.cli import batch, champion, drift, gate, github, maintenance, model, release, retrain, serve, state
from slipway.errors import SlipwayError, StorageError


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"slipway, version {name_and_version()[1]}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def slipway() -> None:
    """Take a model from a commit to a served, traceable, reversible release."""


@slipway.group()
def contract() -> None:
    """The model's public interface."""


contract.add_command(model.write)
contract.add_command(release.check)
_MODEL = (model.run, gate.gate, champion.ship, serve.serve, model.predict, batch.batch, drift.drift, model.verify)
_STATE = (champion.rollback, champion.resume, state.status, state.history, state.doctor)
_HOUSEKEEPING = (maintenance.prune, maintenance.backup, maintenance.restore)
_RELEASE_PAGE = (github.release_plan, github.make_release, github.sign, github.release_page, github.report_refusal)
_GITHUB = (*_RELEASE_PAGE, github.promote, drift.report_drift, github.pull, github.register, github.dispatch)
_RELEASE = (release.init, release.commits, release.preview, release.release, release.build_package, retrain.retrain)
for command in (*_MODEL, *_STATE, *_HOUSEKEEPING, *_GITHUB, *_RELEASE):
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
