"""Verbs about one model: make a candidate, check a bundle, ask it, score with it, serve it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from slipway.cli.options import (
    bundle_option,
    json_option,
    print_result,
    resolve_bundle,
    run_options,
    settings_option,
    stderr_progress,
)


@click.command(epilog="Example: slipway run --set train.max_iter=300")
@run_options
def run(settings_file: Path, overrides: tuple[str, ...], no_cache: bool, env_manager: str, as_json: bool) -> None:
    """Run the pipeline: make a candidate, and change nothing else."""
    from slipway.cli import results
    from slipway.pipeline import run as pipeline
    from slipway.settings.settings import load_settings

    settings = load_settings(settings_file, overrides)
    candidate = pipeline.run(
        settings, overrides=overrides, cache=not no_cache, env_manager=env_manager, say=stderr_progress
    )
    lines = [f"candidate {candidate.model_uri}", *results.score_lines(candidate)]
    print_result(results.candidate_as_json(candidate), "\n".join(lines), as_json)


@click.command(epilog="Example: slipway contract write && git diff contract.json")
@settings_option
def write(settings_file: Path) -> None:
    """Write contract.json from the settings; review the difference like an API."""
    from slipway.contract.schema import encode_contract
    from slipway.settings.settings import CONTRACT_FILE, load_settings

    settings = load_settings(settings_file)
    path = settings.root / CONTRACT_FILE
    path.write_bytes(encode_contract(settings.contract))
    click.echo(f"{path.name}: {len(settings.contract.inputs)} inputs, {len(settings.contract.outputs)} outputs")


@click.command(epilog="Example: slipway verify .slipway/target/current")
@click.argument("bundle", type=click.Path(path_type=Path))
@json_option
def verify(bundle: Path, as_json: bool) -> None:
    """Check every byte of a bundle against its release.json, and its golden rows."""
    from slipway.inference.scorer import load

    scorer = load(bundle.resolve())
    scorer.check_golden()
    found = scorer.bundle
    version, files = found.release.version, len(found.release.files)
    result = {"release": version, "digest": found.digest, "files": files}
    print_result(result, f"{version} is whole: {files} files, digest {found.digest}", as_json)


@click.command(epilog="Example: slipway predict")
@settings_option
@bundle_option
@json_option
def predict(settings_file: Path, bundle: Path | None, as_json: bool) -> None:
    """Answer one golden row at once, for a try."""
    from slipway.inference.scorer import columns_of, load

    scorer = load(resolve_bundle(settings_file, bundle))
    row: dict[str, Any] = {name: values[0] for name, values in scorer.golden.inputs.items()}
    made = scorer.predict_checked(columns_of({name: [value] for name, value in row.items()}, scorer.contract))
    release = scorer.bundle.release.version
    result = {"release": release, "inputs": row, "prediction": made.values.tolist()[0]}
    print_result(result, f"{release} answers {result['prediction']} to {row}", as_json)
