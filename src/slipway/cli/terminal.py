"""What a person sees on the terminal: tables, a spinner, and usage errors in two lines."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import click

from slipway.reporting.progress import Note
from slipway.reporting.suggestions import did_you_mean

_INVALID_CHOICE = re.compile(r"'(.*)' is not (?:one of )?'")
Row = Sequence[str | None]


def print_rows(rows: Sequence[Row], header: Sequence[str] = ()) -> None:
    """Print rows on stdout: as a table with the ``header`` on a terminal, as plain aligned lines in a pipe."""
    texts = [[cell or "" for cell in row] for row in rows]
    if sys.stdout.isatty() and find_spec("rich"):
        _print_table(texts, header)
        return
    widths = [max((len(row[column]) for row in texts), default=0) for column in range(len(texts[0]) if texts else 0)]
    for row in texts:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> None:
    # rich honors NO_COLOR and TERM=dumb; it takes a tenth of a second to import, so a pipe does without it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=bool(header), header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in range(len(rows[0]) if rows else 0):
        style = "bold cyan" if column == 0 else None
        table.add_column(header[column] if header else "", style=style, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


@contextmanager
def show_spinner(label: str) -> Iterator[Note]:
    """Show ``label`` with the elapsed time on stderr until the block ends."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as shown:
        task = shown.add_task(label, total=None)
        yield lambda note: shown.update(task, description=f"{label}  {note}")


class ShortUsageError(click.ClickException):
    """A mistake on the command line, shown without click's three lines of usage."""

    exit_code = click.UsageError.exit_code

    def __init__(self, error: click.UsageError) -> None:
        hint = f"\ntry '{error.ctx.command_path} --help'" if error.ctx else ""
        super().__init__(_usage_sentence(error) + hint)

    def show(self, file: Any = None) -> None:
        """Print the sentence and the hint on stderr."""
        click.echo(f"slipway: {self.message}", file=file, err=True)


@contextmanager
def short_usage_errors() -> Iterator[None]:
    """Turn a usage error of click into a :class:`ShortUsageError`."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise  # it shows the complete help
    except click.UsageError as error:
        raise ShortUsageError(error) from None


def _usage_sentence(error: click.UsageError) -> str:
    """Return click's message in our form, with a suggestion for an unknown option or value."""
    if isinstance(error, click.NoSuchOption):
        options = [name for parameter in error.ctx.command.params for name in parameter.opts] if error.ctx else []
        return f"no such option '{error.option_name}'{did_you_mean(error.option_name, [*options, '--help'])}"
    text = error.format_message()
    text = f"{text[:1].lower()}{text[1:]}".removesuffix(".")
    if isinstance(error, click.BadParameter) and error.param and isinstance(error.param.type, click.Choice):
        # click keeps the rejected value in the message only.
        rejected = _INVALID_CHOICE.match(error.message)
        text += did_you_mean(rejected[1], error.param.type.choices) if rejected else ""
    return text
