"""What strangers write in commits and titles is refused or becomes harmless text: it is never run, and never markup."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from slipway.errors import CommitsError
from slipway.reporting.sanitize import code_span, escape_markdown, one_line
from slipway.versioning.tag_release import tag_release
from tests.support.fork_server import slipway_here
from tests.support.git_repositories import commit, git, pushed, refs, released
from tests.support.projects import diabetes

TEXTS = {
    "shell": "$(touch canary) `touch canary`; touch canary | touch canary && touch canary",
    "expression": "${{ github.token }} {{ 7 * 7 }} {% raw %} {version} %s",
    "commands": "::set-output name=tag::v9.9.9 ##[add-mask]x\n::add-mask::x\nEOF\ntag=v9.9.9",
    "html": "<script>touch('canary')</script> </details> <img src=x onerror=x> ]]> --> <!-- <!-- version list -->",
    "markdown": "![image](http://x.example/y) ``` ~~~ `<b>` \\`<b>\\` | # h [x]: <y>",
    "quotes": "\"; touch canary; ' \\' \\\"",
    "controls": "\x1b[31mred\x07 \x08\x7f bell",
    "turned": "\u202egnp.exe\u2066 \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u200f",
    "emoji": "\U0001f680 \U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301",
    "long": "x" * 200_000 + " $(touch canary)",
    "options": "--exec=touch canary",
}
MARK = "<!-- version list -->"


def markup(text: str) -> list[str]:
    """The raw HTML and the images that Markdown finds in a text, apart from the changelog's own mark."""
    parser, found, waiting = MarkdownIt("commonmark"), [], []
    waiting.extend(parser.parse(text))
    while waiting:
        token = waiting.pop()
        waiting.extend(token.children or [])
        if token.type in ("html_block", "html_inline", "image") and token.content.strip() != MARK:
            found.append(token.content)
    return found


def commands(text: str) -> list[str]:
    """The lines that a workflow's log would take for commands."""
    return [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line]


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_title_is_refused_in_one_harmless_line(tmp_path: Path, name: str) -> None:
    root = released(tmp_path)
    text = TEXTS[name][:100_000]  # Linux takes no more in one variable
    done = slipway_here(root, "commits", SLIPWAY_TITLE=text)
    assert done.returncode == CommitsError.exit_code
    assert len(done.stderr) < 1000
    assert commands(done.stderr) == []
    assert [c for c in done.stderr if unicodedata.category(c) == "Cc" and c != "\n"] == []
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", done.stderr)
    assert slipway_here(root, "commits", SLIPWAY_TITLE=f"feat: {text}").returncode == 0


def test_hostile_commits_are_released_as_text_and_inject_no_output(tmp_path: Path, output: Path) -> None:
    root = released(tmp_path)
    pushed(root, *(f"feat({text}): {text}" for text in TEXTS.values()), *(f"fix: a {text}" for text in TEXTS.values()))
    pushed(root, *(f"docs: b\n\nBREAKING CHANGE: {text}\n\nNOTICE: {text}" for text in TEXTS.values()))
    pushed(root, b"fix: latin caf\xe9", *TEXTS.values())
    done = slipway_here(root, "release")
    assert done.returncode == 0, done.stderr
    assert output.read_text() == "tag=v2.0.0\n"
    assert commands(done.stdout + done.stderr) == []
    changelog = (root / "CHANGELOG.md").read_text()
    assert markup(changelog) == []
    assert changelog.startswith(f"# Changelog\n\n{MARK}\n\n## v2.0.0 (")
    headings = [line for line in changelog.splitlines() if line.startswith("#")]
    sections = ["Bug Fixes", "Documentation", "Features", "Breaking Changes", "Additional Release Information"]
    assert headings[2:] == [f"### {section}" for section in sections]


def test_a_nul_in_a_message_hides_nothing_from_the_decision_and_runs_nothing(tmp_path: Path) -> None:
    root = released(tmp_path)
    commit(root, "fix: placeholder")
    raw = git(root, "cat-file", "commit", "HEAD").replace(
        "placeholder", "nul \0 $(touch canary)\0\n\nfeat: hidden thing"
    )
    sha = git(root, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=raw.encode())
    git(root, "reset", "-q", "--hard", sha)
    git(root, "push", "-q", "--force", "origin", "main")
    assert tag_release(root).tag == "v1.1.0"
    assert sorted(refs(root)) == ["main", "v1.0.0", "v1.1.0"]
    assert markup((root / "CHANGELOG.md").read_text()) == []


def test_the_preview_of_hostile_commits_and_names_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = released(tmp_path)
    file = diabetes(root)
    hostile = "</details><script>alert(1)</script> | `x` <!--"
    file.write_text(file.read_text().replace("\"age\" = 'double'", f"'{hostile}' = 'double'"))
    file.write_text(file.read_text().replace('uri = "diabetes.csv"', f'uri = "{hostile}"'))
    assert slipway_here(root, "contract", "write").returncode == 0
    pushed(root, *(f"feat: {text}" for text in TEXTS.values()))
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    before = tmp_path / "before.json"
    before.write_text((root / "contract.json").read_text().replace(hostile, "age"))
    done = slipway_here(root, "preview", "--against", str(before))
    assert done.returncode == 0, done.stderr
    assert summary.read_text() == "before\n" + done.stdout
    assert markup(done.stdout) == []
    assert done.stdout.startswith("## This releases 1.1.0, after 1.0.0\n\n### v1.1.0 (")
    assert "Callers of 1.0.0 need at least 2.0.0" in done.stdout
    assert "### What is trained: `diabetes`\n\n`sklearn.linear_model.Ridge` on `ingest.py:features`" in done.stdout


HOSTILE = st.text(st.sampled_from("`<>!-[]()\\#~|&\n x\tb/=*_:\u202e\x00\"'@"), max_size=40)


@given(HOSTILE, HOSTILE)
@settings(max_examples=500)
def test_no_text_opens_markup_in_markdown(first: str, second: str) -> None:
    listed = f"- {escape_markdown(first)}\n\n- **{escape_markdown(second)}**: x"
    text = f"{listed}\n\n| a |\n|---|\n| {code_span(first)} |\n\n{code_span(second)} end"
    assert markup(text) == []
    assert markup(escape_markdown(first)) == []


@given(HOSTILE)
@settings(max_examples=300)
def test_one_line_is_one_line_without_commands(text: str) -> None:
    shown = one_line(text)
    assert len(shown.splitlines()) <= 1
    assert commands(shown) == []


@pytest.mark.parametrize("text", ["plain", "with `code` in it", "a **b** _c_ [d](e)", "x > y", "2 * 3 - 4"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert escape_markdown(text) == text
