"""Draw the charts of the report as SVG in the page's own colors.

The serving host has no plotting library, so the SVG is written directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from slipway.drift.result import Bin, ColumnDrift, Window

_WIDTH, _HEIGHT, _BELOW, _LEFT = 520, 180, 56, 40
_MAX_LABEL_LENGTH = 14


def bin_chart(finding: ColumnDrift) -> str:
    """Draw the share of rows in each bin, of the reference and now; bins that are empty on both sides are left out."""
    shown = [entry for entry in finding.bins if max(entry.before, entry.now) > 0]
    tallest = max((max(entry.before, entry.now) for entry in shown), default=1.0)
    step = (_WIDTH - _LEFT) / max(1, len(shown))
    parts = [_grid(tallest)]
    for place, entry in enumerate(shown):
        start = _LEFT + place * step
        for color, share, offset in ((1, entry.before, 0.1), (2, entry.now, 0.5)):
            height = _HEIGHT * share / tallest
            parts.append(_bar(start + offset * step, _HEIGHT - height, 0.38 * step, height, color, entry, share))
        parts.append(_label(start + step / 2, entry.name))
    return _svg(f"Shares of {finding.column} by bin", parts)


def window_chart(windows: Sequence[Window], columns: Sequence[str], minimum_effect: float) -> str:
    """Draw the stability index of columns in each window, the oldest first; the dashed line is the minimum effect."""
    dated = [window for window in reversed(windows) if window.findings]
    found = {c: [next(f.stability_index for f in w.findings if f.column == c) for w in dated] for c in columns}
    top = max([minimum_effect, *(value for values in found.values() for value in values)]) * 1.05
    step = (_WIDTH - _LEFT) / max(1, len(dated))
    parts = [_grid(top, percent=False), _minimum_line(minimum_effect / top)]
    for place, window in enumerate(dated):
        parts.append(_label(_LEFT + (place + 0.5) * step, window.until))
    for number, values in enumerate(found.values(), 1):
        points = " ".join(
            f"{_LEFT + (place + 0.5) * step:.1f},{_HEIGHT * (1 - value / top):.1f}"
            for place, value in enumerate(values)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="var(--series-{number})" stroke-width="2"/>')
    return _svg("Stability index by window", parts)


def _bar(x: float, y: float, width: float, height: float, color: int, shown_bin: Bin, share: float) -> str:
    title = f"<title>{escape(shown_bin.name)}: {share:.1%} {'in the reference' if color == 1 else 'now'}</title>"
    shape = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {shape} fill="var(--series-{color})">{title}</rect>'


def _label(x: float, text: str) -> str:
    short = text if len(text) <= _MAX_LABEL_LENGTH else text[: _MAX_LABEL_LENGTH - 1] + "…"
    place = f"translate({x:.1f} {_HEIGHT + 10}) rotate(35)"
    return f'<text transform="{place}" font-size="9" fill="var(--muted)">{escape(short)}</text>'


def _grid(top: float, *, percent: bool = True) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _HEIGHT * (1 - share)
        tick = f"{top * share:.0%}" if percent else f"{top * share:.2g}"
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--line)"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y + 3:.1f}" font-size="9" text-anchor="end" fill="var(--muted)">{tick}</text>'
        )
    return "".join(parts)


def _minimum_line(share: float) -> str:
    y = _HEIGHT * (1 - share)
    return f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--muted)" stroke-dasharray="4 3"/>'


def _svg(description: str, parts: Sequence[str]) -> str:
    box = f"0 -8 {_WIDTH + 30} {_HEIGHT + _BELOW + 8}"
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" aria-label="{escape(description)}">'
    return opening + "".join(parts) + "</svg>"
