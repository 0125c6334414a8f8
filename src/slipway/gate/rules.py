"""Read the explanation of every rule from ``rules.toml``."""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec


class RuleDoc(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Explanation of a rule or a family of rules; words in capitals in its name are placeholders."""

    rule: str
    refuses: str
    why: str
    setting: str = ""

    @property
    def family(self) -> str:
        """The name without the placeholders, which switches off the entire family."""
        return ".".join(word for word in self.rule.split(".") if not word.isupper())


class _RulesFile(msgspec.Struct, frozen=True):
    rules: tuple[RuleDoc, ...]
    off: RuleDoc


@functools.cache
def _read_file() -> _RulesFile:
    return msgspec.toml.decode((Path(__file__).parent / "rules.toml").read_bytes(), type=_RulesFile)


def read_rules() -> tuple[RuleDoc, ...]:
    """Return all rules, in the order in which the gate evaluates them."""
    return _read_file().rules


def list_families() -> tuple[str, ...]:
    """Return the first word of each rule's name, without duplicates."""
    return tuple(dict.fromkeys(explained.rule.partition(".")[0] for explained in read_rules()))


def explanation_of(rule: str) -> RuleDoc:
    """Return the explanation of a rule in a verdict.

    Raises:
        KeyError: there is no such rule.
    """
    for explained in (*_read_file().rules, _read_file().off):
        if rule == explained.family or rule.startswith(f"{explained.family}."):
            return explained
    raise KeyError(rule)
