"""Rows on a terminal: an aligned table for people, plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

from slipway.reporting.progress import Note

Row = Sequence[str | None]


def print_rows(rows: Sequence[Row], header: Sequence[str] = ()) -> None:
    """Print rows of texts on stdout; ``header`` names the columns where a person reads them."""
    texts = [[cell or "" for cell in row] for row in rows]
    if sys.stdout.isatty() and find_spec("rich"):
        _print_table(texts, header)
        return
    widths = [max((len(row[place]) for row in texts), default=0) for place in range(len(texts[0]) if texts else 0)]
    for row in texts:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=bool(header), header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for place in range(len(rows[0]) if rows else 0):
        table.add_column(header[place] if header else "", style="bold cyan" if place == 0 else None, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


@contextmanager
def show_spinner(label: str) -> Iterator[Note]:
    """Show ``work`` with its time on the terminal at stderr while the block lasts."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as shown:
        task = shown.add_task(label, total=None)
        yield lambda note: shown.update(task, description=f"{label}  {note}")
