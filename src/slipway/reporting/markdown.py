"""Tables of Markdown, as GitHub shows them in issues, release pages and job summaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numeric_columns: int = 0) -> str:
    """A table of Markdown cells, none of which can end itself or its line; the last ``numbers`` columns stand right."""
    ruler = "---|" * (len(head) - numeric_columns) + "---:|" * numeric_columns
    return "\n".join([_line(head), f"|{ruler}", *map(_line, rows)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
