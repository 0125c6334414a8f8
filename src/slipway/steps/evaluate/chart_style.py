"""Style of every chart: one small set of colors, taken from the page so that they follow its light or dark mode."""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, GRID = "#010203", "#010204", "#010205"
FIRST_SERIES, SECOND_SERIES = "#010206", "#010207"
ALL_SERIES = ("#010206", "#010207", "#010208", "#010209", "#01020a", "#01020b")
"""Placeholders: matplotlib needs real colors, and ``render_svg`` replaces them with the page's CSS variables."""

_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    **{color: f"--series-{number}" for number, color in enumerate(ALL_SERIES, 1)},
}
_SVG_NOISE = (
    r' id="[a-zA-Z_.0-9]+_\d+"'
    r"|<defs>\s*<style.*?</style>\s*</defs>"
    r"|font-family: [^;\"]*; "
    r'| transform="rotate\(-0 [^"]*"'
)
"""Output of matplotlib that the page does not need: ids that would repeat in a page with several figures, a style for the
complete page, the font, and rotations by zero degrees."""

_MISSING_FONT = r"Glyph .* missing from|Matplotlib currently does not support"
"""Warnings about a script that matplotlib's own font lacks. The SVG contains text, which the reader's browser draws."""

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "slipway",
    "text.parse_math": False,
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@contextmanager
def apply_style() -> Iterator[None]:
    """Draw in the page's style, and restore matplotlib's settings afterwards."""
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        yield


def make_axes(x: str, y: str, *, height: float = 3.2, left: float = 0.13) -> tuple[Figure, Axes]:
    """Create a figure with one pair of axes; widths are fixed because fitting them would mean drawing twice."""
    figure = Figure(figsize=(5.2, height))
    below, above = 0.5 / height, 0.12 / height
    axes = figure.add_axes((left, below, 0.97 - left, 1 - above - below))
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes


def width_of(text: str) -> int:
    """Return the width of a text in Latin letters; a Chinese, Japanese or Korean character is as wide as two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def cut_to_width(text: str, width: int) -> str:
    """Return the beginning of a text that is at most ``width`` Latin letters wide."""
    while width_of(text) > width:
        text = text[: min(len(text) - 1, width)]
    return text


def render_svg(figure: Figure, description: str) -> str:
    """Return the figure as an SVG element for the page, in the page's colors and font."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _MISSING_FONT, UserWarning)
        # Without creator and date, the same holdout gives the same report, byte for byte.
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', _svg_tag(description), text, count=1, flags=re.DOTALL)
    text = re.sub(_SVG_NOISE, "", text, flags=re.DOTALL)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, f"var({variable})")
    return text.strip()


def _svg_tag(description: str) -> str:
    namespaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return rf'<svg {namespaces} viewBox="\1" role="img" aria-label="{description}">'
