"""Check the wording of pages, messages, help texts, docstrings and comments against `words.toml`.

`python -m style.check [FILE ...]` prints a line for each hit (file:line:column, the text, what to write instead).
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

ROOT = Path(__file__).parents[1]
STYLE = tomllib.loads((ROOT / "style" / "words.toml").read_text(encoding="utf-8"))
_TEXT_TOKENS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_SYNTAX = re.compile(r"""\A(#+:?|[bfru]{0,2}('{3}|"{3}|'|"))|('{3}|"{3}|'|")\Z|\\[nrt\n]""", re.IGNORECASE)
_CODE = "\0"
"""Stands for a character of code. It is not a letter and not a space, so no pattern matches across it."""


@dataclass(frozen=True)
class Word:
    """A wording to avoid; the keys are explained in `words.toml`."""

    pattern: str
    better: str
    example: str
    fine: str = ""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern, in which each space also matches a line break, since sentences wrap anywhere."""
        return re.compile(self.pattern.replace(" ", r"\s+"), re.IGNORECASE)


WORDS = [Word(**row) for row in STYLE["words"]]


def mask_code(source: str) -> str:
    """Replace all of a Python source except comments and sentences in strings; every character keeps its position."""
    starts = [0, *accumulate(map(len, source.splitlines(keepends=True)))]
    text = re.sub(r"\S", _CODE, source)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in _TEXT_TOKENS and " " in token.string:  # without a space it is a name, a key or a path
            start, end = (starts[row - 1] + column for row, column in (token.start, token.end))
            sentence = _SYNTAX.sub(lambda match: " " * len(match[0]), token.string)
            text = text[:start] + _PLACEHOLDER.sub(lambda match: _CODE * len(match[0]), sentence) + text[end:]
    return text


def find_hits(name: str, content: str) -> Iterator[str]:
    """Yield `file:line:column: "text": better` for each hit that `words.toml` does not allow, in the order of the file."""
    text = mask_code(content) if name.endswith(".py") else content
    allowed = [row["text"] for row in STYLE.get("allowed", []) if row["file"] == name]
    hits = sorted((match.start(), match[0], word.better) for word in WORDS for match in word.regex.finditer(text))
    for start, found, better in hits:
        line, column = content.count("\n", 0, start) + 1, start - content.rfind("\n", 0, start)
        if not any(piece in content.splitlines()[line - 1] for piece in allowed):
            yield f'{name}:{line}:{column}: "{" ".join(found.split())}": {better}'


def main(arguments: Sequence[str]) -> int:
    """Check the named files that `words.toml` lists, by default all of them; return 1 if there are hits."""
    files = {path for pattern in STYLE["files"] for path in ROOT.glob(pattern) if not path.is_symlink()}
    names = sorted(path.relative_to(ROOT).as_posix() for path in files - {ROOT / "CHANGELOG.md"})
    names = [name for name in names if not arguments or name in arguments]
    hits = [hit for name in names for hit in find_hits(name, (ROOT / name).read_text(encoding="utf-8"))]
    print(*hits, f"{len(hits)} hits in {len(names)} files", sep="\n")
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
