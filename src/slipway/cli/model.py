"""Verbs about one model: run the pipeline, evaluate it at the gate, write the contract, verify a bundle, predict."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from slipway.cli.options import (
    bundle_option,
    json_option,
    print_json,
    print_result,
    resolve_bundle,
    run_options,
    set_option,
    settings_option,
    stderr_progress,
)
from slipway.cli.terminal import print_rows
from slipway.errors import GateRefused
from slipway.reporting.progress import heartbeat_on_stderr

if TYPE_CHECKING:
    from slipway.bundle.verdict import Rule, Verdict
    from slipway.commands.rehearse import Rehearsal
    from slipway.settings.settings import Settings


@click.command()
@run_options
def run(settings_file: Path, overrides: tuple[str, ...], no_cache: bool, env_manager: str, as_json: bool) -> None:
    """Run the training pipeline and print the scores.

    The result is a candidate in the local MLflow store. Nothing is released and the champion does not change. A step is
    reused from an earlier run if its code, environment, parameters and inputs are unchanged.

    \b
    Examples:
      slipway run
      slipway run --set train.max_iter=300
    """
    from slipway.cli import results
    from slipway.pipeline import run as pipeline
    from slipway.settings.settings import load_settings

    settings = load_settings(settings_file, overrides)
    candidate = pipeline.run(
        settings, overrides=overrides, cache=not no_cache, env_manager=env_manager, say=stderr_progress
    )
    lines = [f"candidate {candidate.model_uri}", *results.score_lines(candidate)]
    print_result(results.candidate_as_json(candidate), "\n".join(lines), as_json)


@click.command()
@settings_option
@json_option
def write(settings_file: Path, as_json: bool) -> None:
    """Write contract.json from the settings.

    The contract is the model's public interface, so review the difference like an API change and commit it.

    \b
    Examples:
      slipway contract write && git diff contract.json
    """
    from slipway.contract.schema import encode_contract
    from slipway.settings.settings import CONTRACT_FILE, load_settings

    settings = load_settings(settings_file)
    path = settings.root / CONTRACT_FILE
    path.write_bytes(encode_contract(settings.contract))
    inputs, outputs = len(settings.contract.inputs), len(settings.contract.outputs)
    sentence = f"wrote {path.name}: {inputs} input{'s' * (inputs != 1)}, {outputs} output{'s' * (outputs != 1)}"
    print_result({"file": str(path), "inputs": inputs, "outputs": outputs}, sentence, as_json)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@json_option
def verify(bundle: Path, as_json: bool) -> None:
    """Verify the files and the golden predictions of a bundle.

    Checks the SHA-256 of every file against release.json, loads the model, and checks that it reproduces the golden
    predictions of the release.

    \b
    Examples:
      slipway verify .slipway/target/current
    """
    from slipway.inference.scorer import load

    with heartbeat_on_stderr("verify"):
        scorer = load(bundle.resolve())
        scorer.check_golden()
    found = scorer.bundle
    version, files = found.release.version, len(found.release.files)
    result = {"release": version, "digest": found.digest, "files": files}
    print_result(result, f"{version} is intact: {files} files, digest {found.digest}", as_json)


@click.command()
@click.argument("rows", nargs=-1, metavar="[JSON | COLUMN=VALUE ... | FILE]")
@settings_option
@bundle_option
@json_option
def predict(rows: tuple[str, ...], settings_file: Path, bundle: Path | None, as_json: bool) -> None:
    """Predict one row, or a small file of rows.

    A row is a JSON object or column=value pairs; an empty value is null, and nullable columns can be left out. JSON can also
    be a list of objects, and - reads it from stdin. A file is JSON, JSON Lines, CSV or Parquet with at most 100 rows; use
    `slipway batch` for more. Without a row, the first golden row of the release is predicted.

    \b
    Examples:
      slipway predict
      slipway predict --json
    """
    from slipway.commands.predict.given_rows import ignored_columns, read_rows
    from slipway.commands.predict.prediction import predict_rows, prediction_lines
    from slipway.inference.scorer import load

    with heartbeat_on_stderr("predict"):
        scorer = load(resolve_bundle(settings_file, bundle))
    given = read_rows(rows, scorer, sys.stdin.buffer.read)
    if ignored := ignored_columns(given, scorer.contract):
        click.echo(f"ignored columns that are not in the contract: {', '.join(ignored)}", err=True)
    with heartbeat_on_stderr("predict"):
        predicted = predict_rows(given, scorer)
    release = scorer.bundle.release.version
    if as_json:
        results = [row.as_json(release, scorer.contract) for row in predicted]
        print_json(results if given.many else results[0])
    else:
        click.echo("\n".join(prediction_lines(predicted, release, scorer.contract)))


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
