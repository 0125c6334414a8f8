"""What the gate said: every rule with both numbers, and the whole in one sentence."""

from __future__ import annotations

from typing import Literal

import msgspec

from slipway.reporting import markdown

Number = float | str | None


class Rule(msgspec.Struct, frozen=True):
    """One rule: what it required, what it found (null where there was no number), and the reason in words.

    A rule that was not judged refuses nothing, but it is told, lest it pass for one that holds.
    """

    rule: str
    required: Number
    found: Number
    ok: bool
    why: str
    judged: bool = True


class Verdict(msgspec.Struct, frozen=True):
    """Publish or refuse, with the rules that were judged; a first release has no champion to be compared with."""

    verdict: Literal["publish", "refuse"]
    rules: tuple[Rule, ...]
    first_release: bool

    @property
    def broken(self) -> tuple[Rule, ...]:
        """The rules that are to blame for a refusal."""
        return tuple(rule for rule in self.rules if not rule.ok)

    @property
    def unjudged(self) -> tuple[Rule, ...]:
        """The rules that could not be judged, or were switched off."""
        return tuple(rule for rule in self.rules if not rule.judged)


def verdict_sentence(verdict: Verdict, version: str, champion: str | None) -> str:
    """The verdict on ``version`` in one sentence, with the state of the world; ``champion`` is a version or None."""
    if verdict.verdict == "refuse":
        state = f"the champion is still {champion}" if champion else "there is still no champion"
        return f"gate refused {version}: {'; '.join(rule.why for rule in verdict.broken)}; {state}"
    against = f"it may replace the champion {champion}" if champion else "it may become the first champion"
    if verdict.first_release:
        against += ", though there was none to compare it with"
    hold = f"{len(verdict.rules) - len(verdict.unjudged)} rules hold"
    if verdict.unjudged:
        hold += f"; not judged: {'; '.join(f'{rule.rule} ({rule.why})' for rule in verdict.unjudged)}"
    return f"gate passed {version}: {hold}; {against}"


def verdict_table(verdict: Verdict) -> str:
    """Every rule as a Markdown table, for a release's page and a job's summary."""
    return markdown.table(("", "rule", "why"), [(_mark(rule), f"`{rule.rule}`", rule.why) for rule in verdict.rules])


def _mark(rule: Rule) -> str:
    if not rule.judged:
        return "not judged"
    return "✅" if rule.ok else "❌"


def encode_verdict(verdict: Verdict) -> bytes:
    """The verdict as ``verdict.json``: the same bytes for the same verdict."""
    return msgspec.json.format(msgspec.json.encode(verdict), indent=2) + b"\n"
