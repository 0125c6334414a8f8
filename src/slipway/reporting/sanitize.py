"""Escape untrusted text (commit messages, titles, output of a remote) for terminals, logs and Markdown."""

from __future__ import annotations

import re

_LONGEST = 120
_INVISIBLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control characters, and those that override the direction of text; emoji and right-to-left letters are kept."""
_CODE = re.compile(r"(?<!`)(`+)(?!`)([^<\n]+?)(?<!`)\1(?!`)")
_BLOCK = re.compile(r"^([ \t]*)([#>]|~~~|---|===)", re.MULTILINE)


def one_line(text: str, longest: int = _LONGEST) -> str:
    """Return the text on one line, for a terminal or a workflow log, where `##[` and `::` would be read as commands."""
    text = _INVISIBLE.sub(_escape_character, text.replace("\n", "\\n"))
    text = text if len(text) <= longest else text[:longest] + "..."
    return text.replace("##[", "# #[").replace("::", ": :")


def escape_markdown(text: str) -> str:
    """Escape text for Markdown: code spans, emphasis and links stay; tags, images, headings and fences do not work."""
    text = _INVISIBLE.sub("\ufffd", text)
    parts, end = [], 0
    for span in _CODE.finditer(text):
        parts += [_escape_inline(text[end : span.start()]), span[0]]
        end = span.end()
    return _BLOCK.sub(r"\1\\\2", "".join([*parts, _escape_inline(text[end:])]))


def code_span(text: str) -> str:
    """Return the text as one Markdown code span that its content cannot close; safe inside a table too."""
    # In a table `|` ends the cell even within a code span, so a look-alike replaces it: https://github.github.com/gfm/#tables
    text = one_line(text).replace("|", "\u2758")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`" if text else ""


def _escape_inline(text: str) -> str:
    for live, dead in (("\\", "\\\\"), ("`", "\\`"), ("<", "&lt;"), ("![", "!\\[")):
        text = text.replace(live, dead)
    return text


def _escape_character(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
