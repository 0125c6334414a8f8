"""The `slipway` command: its verbs in groups, its version, and its errors as one sentence on stderr and an exit code."""

from __future__ import annotations

import errno
import sys
from typing import Any

import click

from slipway.__about__ import DISTRIBUTION, extra_of
from slipway.cli import (
    batch,
    champion,
    drift,
    github,
    maintenance,
    model,
    project,
    release,
    retrain,
    serve,
    state,
)
from slipway.cli.components import in_project, in_repository
from slipway.cli.reproduce import verbs as reproduce
from slipway.cli.terminal import short_usage_errors
from slipway.errors import MissingExtraError, SlipwayError, StorageError
from slipway.reporting.suggestions import closest_match

_MAX_WIDTH = 110


class VerbGroup(click.Group):
    """A command group that lists its verbs in sections, never cuts a summary, and suggests what a typo meant."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.sections: dict[str, list[click.Command]] = {}
        self.old_paths: dict[str, click.Group] = {}

    def add_section(self, title: str, *verbs: click.Command) -> None:
        """Add verbs under a title of the help, in this order."""
        self.sections[title] = list(verbs)
        for verb in verbs:
            self.add_command(verb)

    def add_old_paths(self, moved_to: click.Group) -> None:
        """Keep the verbs of ``moved_to`` callable from this group too, without listing them."""
        self.old_paths |= dict.fromkeys(moved_to.commands, moved_to)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb of that name, also one that moved to another group."""
        moved_to = self.old_paths.get(cmd_name)
        return super().get_command(ctx, cmd_name) or (moved_to.get_command(ctx, cmd_name) if moved_to else None)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that the first argument names.

        Raises:
            UsageError: the group has no such verb; the message suggests the closest one.
        """
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            paths = {verb: verb for verb in self.commands}
            paths |= {verb: f"{group.name} {verb}" for verb, group in self.old_paths.items()}
            # `slipway version` and `slipway help`, as many programs have them.
            options = [option for parameter in self.get_params(ctx) for option in parameter.opts]
            paths |= {option.removeprefix("--"): option for option in options if option.startswith("--")}
            meant = closest_match(name, paths)
            ctx.fail(f"no such command '{name}'" + (f"; did you mean '{paths[meant]}'?" if meant else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section with its verbs and their complete summaries; click itself would cut long ones."""
        # One column width for all sections, so that the summaries line up.
        width = max((len(name) for name in self.commands), default=0)
        for title, verbs in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{verb.name:<{width}}", summary(verb)) for verb in verbs])

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the arguments of the group itself; a usage error takes two lines."""
        with short_usage_errors():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; a usage error takes two lines."""
        with short_usage_errors():
            return super().invoke(ctx)


def summary(verb: click.Command) -> str:
    """Return the first sentence of a verb's help."""
    # A limit that no sentence reaches: with its own limit, click replaces the end by "...".
    return verb.get_short_help_str(limit=1000).removesuffix(".")


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        click.echo(state.version_text())
        context.exit()


@click.group(cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _MAX_WIDTH})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the installed version and the champion, and exit.",
)
def slipway() -> None:
    """Take a model from a commit to a served, traceable, reversible release.

    `slipway COMMAND --help` explains a command and shows examples.
    """


@click.group(cls=VerbGroup)
def contract() -> None:
    """Write or check the model's public interface.

    \b
    Examples:
      slipway contract write
      slipway contract check
    """


@click.group(cls=VerbGroup)
def components() -> None:
    """Use or release components that are in a separate repository.

    \b
    Examples:
      slipway components lock
      slipway components check
    """


@click.group(cls=VerbGroup)
def ci() -> None:
    """Commands that the GitHub workflows run.

    \b
    Examples:
      slipway ci release-plan v1.4.0
      slipway ci release-page v1.4.0 --files dist/
    """


contract.add_section("Commands", model.write, release.check)
components.add_section("In a project", in_project.lock, in_project.compare)
components.add_section("In a components repository", in_repository.check, in_repository.catalog)
ci.add_section("Release page", github.release_plan, github.make_release, github.sign, github.release_page)
ci.add_section("Reports", github.report_refusal, drift.report_drift)
ci.add_section("Reproduction", reproduce.rebuild, reproduce.rebuild_pages)
ci.add_section("Locks", maintenance.changed_locks, maintenance.propose_locks, maintenance.audit)
ci.add_section("Other", github.dispatch, github.register, release.build_package, in_repository.pack)
slipway.add_section("Start", project.new, project.init, project.upgrade)
slipway.add_section("Train", model.run, model.gate, contract, components)
slipway.add_section(
    "Release",
    *(champion.ship, release.release, retrain.retrain, champion.rollback, champion.resume, github.promote),
    *(release.commits, release.preview),
)
slipway.add_section("Serve", serve.serve, model.predict, batch.batch, github.pull)
slipway.add_section(
    "Operate", state.status, state.history, state.doctor, drift.drift, model.verify, reproduce.reproduce
)
slipway.add_section("Housekeeping", maintenance.prune, maintenance.backup, maintenance.restore)
slipway.add_section("Continuous integration", ci)
# Released workflow files and hooks of projects still call these without `ci`.
slipway.add_old_paths(ci)


def main() -> None:
    """Run the command line; the one place where an error becomes a sentence on stderr and an exit code."""
    try:
        _run()
    except SlipwayError as error:
        print(f"slipway: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        print(f"slipway: {error.strerror}: {error.filename}; no partial file is left", file=sys.stderr)
        raise SystemExit(StorageError.exit_code) from None


def _run() -> None:
    """Run the command line.

    Raises:
        MissingExtraError: the verb needs a package of an extra that is not installed.
    """
    try:
        slipway(prog_name="slipway")
    except ModuleNotFoundError as error:
        if (extra := extra_of(error.name)) is None or error.name is None:
            raise
        raise MissingExtraError(
            f"this command needs the package {error.name.partition('.')[0]}, which is not installed; run "
            f'`pip install "{DISTRIBUTION}[{extra}]"`'
        ) from None
