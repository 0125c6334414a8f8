"""The verb `gate`: what the gate says of the checkout's candidate, or said of a bundle, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from slipway.cli.options import json_option, print_json, set_option, settings_option, stderr_progress
from slipway.cli.terminal import print_rows
from slipway.errors import GateRefused

if TYPE_CHECKING:
    from slipway.bundle.verdict import Rule, Verdict
    from slipway.commands.rehearse import Rehearsal
    from slipway.settings.settings import Settings


@click.command(
    epilog="""Examples:

    \b
    slipway gate
    slipway gate --explain
    slipway gate --explain --bundle .slipway/target/current"""
)
@settings_option
@set_option
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Tell what was said of this bundle; nothing is trained."
)
@click.option(
    "--github", is_flag=True, help="Compare with the release that GitHub calls Latest, not the local champion."
)
@click.option("--explain", is_flag=True, help="Say of each rule what it refuses, why it exists and what sets it.")
@json_option
def gate(
    settings_file: Path, overrides: tuple[str, ...], bundle: Path | None, github: bool, explain: bool, as_json: bool
) -> None:
    """Train, or take from the cache, and say what the gate would say; nothing is sealed or moved."""
    from slipway.settings.settings import load_settings
    from slipway.versioning.checkout_version import version_of

    settings = load_settings(settings_file, overrides)
    done = None
    if bundle:
        name, verdict = _read_verdict(bundle)
    else:
        name = version_of(settings.root, overridden=bool(overrides)).text
        done = _train_and_judge(settings, name, overrides, github)
        verdict = done.verdict
    if as_json:
        rules = [_rule_as_json(rule, settings, explain) for rule in verdict.rules]
        print_json({"release": name, "verdict": verdict.verdict, "champion": done and done.champion, "rules": rules})
    elif explain:
        click.echo("\n".join(line for rule in verdict.rules for line in _explain_rule(rule, settings)))
    else:
        print_rows([(_rule_status(rule), rule.rule, rule.why) for rule in verdict.rules], ("", "rule", "why"))
    if done and verdict.verdict == "refuse":
        raise GateRefused(done.verdict_text)
    if done and not as_json:
        click.echo(done.verdict_text)


def _train_and_judge(settings: Settings, name: str, overrides: tuple[str, ...], github: bool) -> Rehearsal:
    from slipway.commands.rehearse import open_baselines, train_and_judge

    with open_baselines(settings, github=github) as opponents:
        return train_and_judge(settings, name, opponents, overrides=overrides, progress=stderr_progress)


def _read_verdict(bundle: Path) -> tuple[str, Verdict]:
    from slipway.bundle.release_file import verify
    from slipway.bundle.verdict import Verdict

    release = verify(bundle).release
    return release.version, msgspec.convert(release.verdict, Verdict)


def _rule_as_json(rule: Rule, settings: Settings, explain: bool) -> dict[str, Any]:
    from slipway.gate.rules import explanation_of

    told: dict[str, Any] = msgspec.to_builtins(rule)
    if not explain:
        return told
    of = explanation_of(rule.rule)
    value = getattr(settings.gate, of.setting) if of.setting else None
    setting = {"setting": f"gate.{of.setting}" if of.setting else None, "value": value}
    return told | setting | {"refuses": of.refuses, "because": of.why}


def _explain_rule(rule: Rule, settings: Settings) -> Iterator[str]:
    told = _rule_as_json(rule, settings, explain=True)
    yield f"{rule.rule}: {_rule_status(rule)}"
    yield f"    {rule.why}"
    yield f"    refuses  {told['refuses']}"
    yield f"    because  {told['because']}"
    yield (
        f"    set by   {told['setting']} = {msgspec.json.encode(told['value']).decode()}"
        if told["setting"]
        else "    set by   nothing"
    )
    yield ""


def _rule_status(rule: Rule) -> str:
    return ("holds" if rule.ok else "refuses") if rule.judged else "not judged"
