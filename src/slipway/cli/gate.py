"""The command `gate`: evaluate the checkout's candidate, or show the verdict on a bundle, rule by rule."""

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


@click.command()
@settings_option
@set_option
@click.option("--bundle", type=click.Path(path_type=Path), help="Show the verdict on this bundle; nothing is trained.")
@click.option(
    "--github", is_flag=True, help="Compare with the release that GitHub marks as Latest, not the local champion."
)
@click.option(
    "--explain", is_flag=True, help="Show what each rule refuses, why it exists and which setting controls it."
)
@json_option
def gate(
    settings_file: Path, overrides: tuple[str, ...], bundle: Path | None, github: bool, explain: bool, as_json: bool
) -> None:
    """Show the gate's verdict without releasing anything.

    Train (or reuse the cache) and evaluate the candidate. The exit code is 9 if the gate would refuse it.

    \b
    Examples:
      slipway gate
      slipway gate --explain --bundle .slipway/target/current
    """
    from slipway.settings.settings import load_settings
    from slipway.versioning.checkout_version import version_of

    settings = load_settings(settings_file, overrides)
    rehearsal = None
    if bundle:
        name, verdict = _read_verdict(bundle)
    else:
        name = version_of(settings.root, overridden=bool(overrides)).text
        rehearsal = _train_and_judge(settings, name, overrides, github)
        verdict = rehearsal.verdict
    if as_json:
        rules = [_rule_as_json(rule, settings, explain) for rule in verdict.rules]
        champion = rehearsal and rehearsal.champion
        print_json({"release": name, "verdict": verdict.verdict, "champion": champion, "rules": rules})
    elif explain:
        click.echo("\n".join(line for rule in verdict.rules for line in _explain_rule(rule, settings)))
    else:
        print_rows([(_rule_status(rule), rule.rule, rule.why) for rule in verdict.rules], ("", "rule", "why"))
    if rehearsal and verdict.verdict == "refuse":
        raise GateRefused(rehearsal.verdict_text)
    if rehearsal and not as_json:
        click.echo(rehearsal.verdict_text)


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

    fields: dict[str, Any] = msgspec.to_builtins(rule)
    if not explain:
        return fields
    explanation = explanation_of(rule.rule)
    name, value = None, None
    if explanation.setting:
        name, value = f"gate.{explanation.setting}", getattr(settings.gate, explanation.setting)
    return fields | {"setting": name, "value": value, "refuses": explanation.refuses, "because": explanation.why}


def _explain_rule(rule: Rule, settings: Settings) -> Iterator[str]:
    fields = _rule_as_json(rule, settings, explain=True)
    setting = (
        f"{fields['setting']} = {msgspec.json.encode(fields['value']).decode()}" if fields["setting"] else "no setting"
    )
    yield f"{rule.rule}: {_rule_status(rule)}"
    yield f"    {rule.why}"
    yield f"    refuses  {fields['refuses']}"
    yield f"    because  {fields['because']}"
    yield f"    set by   {setting}"
    yield ""


def _rule_status(rule: Rule) -> str:
    return ("passed" if rule.ok else "refused") if rule.judged else "not judged"
