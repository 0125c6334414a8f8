"""The gate's verdict: every rule with both numbers, as a sentence, a Markdown table and ``verdict.json``."""

from __future__ import annotations

from typing import Literal

import msgspec

from slipway.reporting import markdown

Number = float | str | None


class Rule(msgspec.Struct, frozen=True):
    """One rule: the number it required, the number it found (null if there was none), and the reason in words.

    A rule that was not judged (``judged``) never refuses a release, but is listed, so that nobody thinks it passed.
    """

    rule: str
    required: Number
    found: Number
    ok: bool
    why: str
    judged: bool = True


class Verdict(msgspec.Struct, frozen=True):
    """Publish or refuse, with every rule; a first release has no champion to be compared with."""

    verdict: Literal["publish", "refuse"]
    rules: tuple[Rule, ...]
    first_release: bool

    @property
    def broken(self) -> tuple[Rule, ...]:
        """The rules that failed, which are the reasons for a refusal."""
        return tuple(rule for rule in self.rules if not rule.ok)

    @property
    def unjudged(self) -> tuple[Rule, ...]:
        """The rules that could not be evaluated, or are switched off."""
        return tuple(rule for rule in self.rules if not rule.judged)


def verdict_sentence(verdict: Verdict, version: str, champion: str | None) -> str:
    """The verdict on ``version`` in one sentence, with what it means for ``champion``, which is a version or None."""
    if verdict.verdict == "refuse":
        state = f"the champion is still {champion}" if champion else "there is still no champion"
        return f"gate refused {version}: {'; '.join(rule.why for rule in verdict.broken)}; {state}"
    outcome = f"it can replace the champion {champion}" if champion else "it can become the first champion"
    if verdict.first_release:
        outcome = "first release, so there was no champion to compare with"
    return f"gate passed {version}: {_describe_passed(verdict)}; {outcome}"


def _describe_passed(verdict: Verdict) -> str:
    passed, total = len(verdict.rules) - len(verdict.unjudged), len(verdict.rules)
    if not verdict.unjudged:
        return f"all {total} rules passed"
    unjudged = "; ".join(f"{rule.rule} ({rule.why})" for rule in verdict.unjudged)
    return f"{passed} of {total} rules passed; not judged: {unjudged}"


def verdict_table(verdict: Verdict) -> str:
    """Format every rule as a Markdown table, for the release page and the job summary."""
    return markdown.table(("", "rule", "why"), [(_mark(rule), f"`{rule.rule}`", rule.why) for rule in verdict.rules])


def _mark(rule: Rule) -> str:
    if not rule.judged:
        return "not judged"
    return "✅" if rule.ok else "❌"


def encode_verdict(verdict: Verdict) -> bytes:
    """Encode the verdict as ``verdict.json``: the same bytes for the same verdict."""
    return msgspec.json.format(msgspec.json.encode(verdict), indent=2) + b"\n"
