"""Verbs about one model: run the pipeline, write the contract, verify a bundle, predict."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from slipway.cli.options import (
    bundle_option,
    json_option,
    print_json,
    print_result,
    resolve_bundle,
    run_options,
    settings_option,
    stderr_progress,
)


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
def write(settings_file: Path) -> None:
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
    click.echo(f"wrote {path.name}: {inputs} input{'s' * (inputs != 1)}, {outputs} output{'s' * (outputs != 1)}")


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

    scorer = load(resolve_bundle(settings_file, bundle))
    given = read_rows(rows, scorer, sys.stdin.buffer.read)
    if ignored := ignored_columns(given, scorer.contract):
        click.echo(f"ignored columns that are not in the contract: {', '.join(ignored)}", err=True)
    predicted = predict_rows(given, scorer)
    release = scorer.bundle.release.version
    if as_json:
        results = [row.as_json(release) for row in predicted]
        print_json(results if given.many else results[0])
    else:
        click.echo("\n".join(prediction_lines(predicted, release, scorer.contract)))
