"""What is running, as one line of a terminal that moves and goes away again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from slipway.reporting.progress import Note


@contextmanager
def live(work: str) -> Iterator[Note]:
    """Show ``work`` with its time on the terminal at stderr while the block lasts."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as shown:
        task = shown.add_task(work, total=None)
        yield lambda note: shown.update(task, description=f"{work}  {note}")
