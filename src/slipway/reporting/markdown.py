"""Write Markdown tables for GitHub issues, release pages and job summaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numeric_columns: int = 0) -> str:
    """Return a Markdown table; cells are escaped, and the last ``numeric_columns`` columns are right-aligned."""
    ruler = "---|" * (len(head) - numeric_columns) + "---:|" * numeric_columns
    return "\n".join([_line(head), f"|{ruler}", *map(_line, rows)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
