"""What the documentation says, taken apart: its blocks, commands, links, headings and tables."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_FILE = re.compile(r"`([\w./-]+)`:?")


@dataclass
class Command:
    """A line after a `$ `, and the lines that the reader is told to expect."""

    text: str
    output: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the file that the paragraph before it names, if that is all it says."""

    language: str
    text: str
    file: str

    @property
    def commands(self) -> list[Command]:
        found: list[Command] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(Command(line.removeprefix("$ ")))
            elif found:
                found[-1].output.append(line)
        return found


def blocks(document: Path) -> list[Block]:
    """The fenced blocks, in order."""
    found, file = [], ""
    for token in _tokens(document):
        if token.type == "inline":
            match = _FILE.fullmatch(token.content)
            file = match[1] if match else ""
        elif token.type == "fence":
            found.append(Block(token.info.split()[0] if token.info else "", token.content, file))
            file = ""
    return found


def commands(document: Path) -> list[Command]:
    """The commands of all console blocks."""
    return [command for block in blocks(document) if block.language == "console" for command in block.commands]


def spans(document: Path) -> Iterator[str]:
    """What stands as code within sentences."""
    for token in _tokens(document):
        yield from (child.content for child in token.children or () if child.type == "code_inline")


def links(document: Path) -> Iterator[str]:
    """Where links and pictures lead."""
    for token in _tokens(document):
        for child in token.children or ():
            place = child.attrs.get("href") or child.attrs.get("src")
            if place:
                yield str(place)


def anchors(document: Path) -> set[str]:
    """The headings as GitHub names them in addresses."""
    tokens = _tokens(document)
    titles = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def tables(document: Path) -> list[list[list[str]]]:
    """Tables as rows of cells, the head first."""
    found: list[list[list[str]]] = []
    for token in _tokens(document):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level > 3:
            found[-1][-1].append(token.content)
    return found


def slipway_calls(line: str) -> Iterator[list[str]]:
    """The arguments of every call of `slipway` in a line of shell."""
    words = shlex.split(line, comments=True)
    while words:
        end = next((place for place, word in enumerate(words) if word in ("&&", "&", "|", ";", ">")), len(words))
        call, words = words[:end], words[end + 1 :]
        start = next((place for place, word in enumerate(call) if word.rpartition("/")[2] == "slipway"), None)
        if start is not None and all("=" in word for word in call[:start]):
            yield call[start + 1 :]


def _tokens(document: Path) -> list[Token]:
    return _parse(document.read_text(encoding="utf-8"))


@functools.cache
def _parse(text: str) -> list[Token]:
    """The tokens of a page. Hundreds of tests ask for those of the same pages."""
    return MarkdownIt("commonmark").enable("table").parse(text)
