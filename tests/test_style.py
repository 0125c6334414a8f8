"""The wording check finds the faults that our pages and messages had, where they are, and not the same words in code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from style.check import ROOT, STYLE, WORDS, Word, find_hits, mask_code


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.better)
def test_each_pattern_finds_its_example_and_passes_a_similar_sentence(word: Word) -> None:
    assert word.regex.search(word.example)
    assert not word.fine or not word.regex.search(word.fine)


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.better)
def test_each_example_is_reported_in_a_page_and_in_a_message(word: Word) -> None:
    for name, content in [("docs/x.md", word.example), ("src/slipway/x.py", f"raise ValueError({word.example!r})\n")]:
        assert any(hit.endswith(word.better) for hit in find_hits(name, content)), name


def test_plain_english_has_no_hits() -> None:
    page = "# Detecting drift\n\nAll 10 rules passed. If nothing changed, nothing reruns; `slipway doctor` fixes the rest.\n"
    assert list(find_hits("docs/x.md", page)) == []


def test_a_hit_names_file_line_column_text_and_what_to_write_instead() -> None:
    page = "# A page\n\nThe first line,\nthe metric is\nno number.\n"
    (hit,) = find_hits("docs/x.md", page)
    assert hit == 'docs/x.md:4:12: "is no": use "is not a" or "has no"'


SOURCE = '''"""A module.

It mends things.
"""
floors = {"floors": 1}  # a tag whose release exists
message = (
    f"{floors['floors']} came but "
    "one was expected"
)
both = ["this is", "no list of sentences"]
'''


def test_docstrings_messages_and_comments_are_checked_and_code_is_not() -> None:
    assert [hit.partition(": use")[0] for hit in find_hits("src/slipway/x.py", SOURCE)] == [
        'src/slipway/x.py:3:4: "mends"',
        'src/slipway/x.py:5:33: "whose"',
        'src/slipway/x.py:7:26: "came"',
    ]


def test_a_sentence_in_two_strings_is_read_as_one() -> None:
    (hit,) = find_hits("src/slipway/x.py", 'print("it works on one and "\n      "the same row")\n')
    assert hit.startswith('src/slipway/x.py:1:20: "one and the same"')


@pytest.mark.parametrize("path", sorted(Path(ROOT, "src/slipway").glob("*/*.py"))[::20], ids=lambda path: path.name)
def test_a_masked_source_keeps_the_place_of_every_character(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    masked = mask_code(source)
    assert [len(line) for line in masked.split("\n")] == [len(line) for line in source.split("\n")]


def test_an_exception_covers_its_file_and_its_text_only(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"file": "docs/x.md", "text": "`gate.floors`", "reason": "the old name of a setting"}
    monkeypatch.setitem(STYLE, "allowed", [row])
    assert list(find_hits("docs/x.md", "`gate.floors` is now `gate.minimum`")) == []
    assert len(list(find_hits("docs/x.md", "Two floors"))) == 1
    assert len(list(find_hits("docs/y.md", "`gate.floors` is now `gate.minimum`"))) == 1


def test_every_exception_is_needed_and_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = STYLE.get("allowed", [])
    monkeypatch.setitem(STYLE, "allowed", [])
    for row in rows:
        content = (ROOT / row["file"]).read_text(encoding="utf-8")
        lines = [content.splitlines()[int(hit.split(":")[1]) - 1] for hit in find_hits(row["file"], content)]
        assert any(row["text"] in line for line in lines), row
        assert len(row["reason"]) > 10, row


def test_the_program_prints_the_hits_of_a_file_and_fails(tmp_path: Path) -> None:
    for place in ("style", "docs"):
        (tmp_path / place).mkdir()
    for name in ("check.py", "words.toml"):
        (tmp_path / "style" / name).write_bytes((ROOT / "style" / name).read_bytes())
    bad, clean = tmp_path / "docs" / "bad.md", tmp_path / "docs" / "clean.md"
    bad.write_text("# Has the world moved?\n")
    clean.write_text("# Detecting drift\n")
    program = [sys.executable, "-m", "style.check"]
    done = subprocess.run([*program, "docs/bad.md"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith('docs/bad.md:1:3: "Has the world moved": use "has the data drifted?"')
    assert done.returncode == 1
    done = subprocess.run([*program, "docs/clean.md"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("0 hits in 1 files", 0)
