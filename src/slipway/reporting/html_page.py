"""A page of HTML that needs nothing from outside, in light and in dark: what every report of ours is put into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_SHELL = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title><!--title--></title>
<style>
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --panel: #fff; --ink: #16202c; --muted: #5b6878; --line: #e2e6eb;
  --series-1: #1f6feb; --series-2: #d9480f; --series-3: #0c8a5f;
  --series-4: #8250df; --series-5: #b08800; --series-6: #c2255c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f141a; --panel: #171e26; --ink: #e6ebf1; --muted: #97a4b3; --line: #2b3541;
    --series-1: #5aa2ff; --series-2: #ff8a50; --series-3: #40c593;
    --series-4: #b794ff; --series-5: #e3b341; --series-6: #f783ac;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font-variant-numeric: tabular-nums;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 3rem 1.5rem 4rem; }
header p { max-width: 46rem; margin: .4rem 0 0; color: var(--muted); }
.kicker { font-size: .8rem; font-weight: 600; letter-spacing: .08em; text-transform: uppercase; color: var(--series-1); }
h1 { margin: .1rem 0 0; font-size: 2.1rem; line-height: 1.2; letter-spacing: -.02em; overflow-wrap: anywhere; }
h2 { margin: 2.8rem 0 1rem; font-size: 1.3rem; letter-spacing: -.01em; }
h3 { margin: 0 0 .6rem; font-size: 1rem; font-weight: 600; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1rem; margin-top: 2rem; }
.card, figure, .panel, details { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; }
.card { display: flex; flex-direction: column; padding: 1rem 1.2rem; }
.card span, .card small, figcaption { color: var(--muted); font-size: .86rem; }
.card strong { font-size: 2rem; line-height: 1.25; font-weight: 650; letter-spacing: -.02em; }
.charts, .slices { columns: 26rem 2; column-gap: 1rem; }
.charts > *, .slices > * { break-inside: avoid; margin: 0 0 1rem; }
figure { margin: 0; padding: 1.1rem 1.2rem 1rem; }
figcaption { margin-top: .4rem; }
svg { display: block; width: 100%; height: auto; }
svg * { stroke-linejoin: round; }
.panel { padding: .4rem 1.2rem; }
details { margin-top: .6rem; padding: .6rem 1.2rem; }
summary { cursor: pointer; color: var(--muted); font-size: .9rem; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .93rem; }
th, td { padding: .5rem .9rem .5rem 0; text-align: right; white-space: nowrap; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--muted); font-weight: 600; font-size: .84rem; }
th:first-child, td:first-child { text-align: left; }
@media print { body { background: #fff; } figure, .card { break-inside: avoid; } }
</style>
</head>
<body>
<main>
<header>
<div class="kicker"><!--kicker--></div>
<h1><!--name--></h1>
<p><!--about--></p>
</header>
<!--body-->
</main>
</body>
</html>
"""


def page(kicker: str, name: str, about: str, body: str) -> str:
    """The whole page. ``body`` is HTML; the rest is text."""
    title = f"{kicker} of {name}"
    fields = {
        "title": escape(title),
        "kicker": escape(kicker),
        "name": escape(name),
        "about": escape(about),
        "body": body,
    }
    text = _SHELL
    for field, value in fields.items():
        text = text.replace(f"<!--{field}-->", value)
    return text


def card(name: str, value: str, note: str) -> str:
    """One number that stands out; all three are text."""
    return (
        f'<div class="card"><span>{escape(name)}</span><strong>{escape(value)}</strong>'
        f"<small>{escape(note)}</small></div>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts; it scrolls by itself where it is too wide."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def figure(title: str, picture: str, note: str) -> str:
    """A picture, an SVG element, with its title and one sentence on how to read it."""
    return f"<figure><h3>{escape(title)}</h3>{picture}<figcaption>{escape(note)}</figcaption></figure>"
