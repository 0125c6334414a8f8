"""The verb `retrain`: change which data the model is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slipway.cli.options import json_option, print_json, settings_option, stderr_progress
from slipway.errors import GateRefused, SettingsError

if TYPE_CHECKING:
    from slipway.commands.retrain.run import RetrainResult

_NO_CHANGE_MESSAGES = {
    "unchanged": "the data pin is already {pin}; nothing was changed",
    "unreleased": "the data pin is already {pin}, but no release has it yet; run `slipway release`; nothing was changed",
}


@click.command()
@click.option("--through", default="", envvar="SLIPWAY_THROUGH", metavar="YYYY-MM-DD",
              help="The last day of the data, or `yesterday`; also $SLIPWAY_THROUGH.")  # fmt: skip
@click.option("--source", "sources", multiple=True, envvar="SLIPWAY_SOURCE", metavar="[NAME=]URI",
              help="New data: a path, package://, or a URI that fsspec reads; also $SLIPWAY_SOURCE.")  # fmt: skip
@click.option("--restore", default="", envvar="SLIPWAY_RESTORE", metavar="X.Y.Z",
              help="Restore the data pin of an earlier release; also $SLIPWAY_RESTORE.")  # fmt: skip
@click.option("--set", "parameters", multiple=True, envvar="SLIPWAY_SET", metavar="NAME=VALUE",
              help="Also change a training parameter; also $SLIPWAY_SET, separated by spaces.")  # fmt: skip
@click.option("--reason", default="", envvar="SLIPWAY_REASON", help="The reason, for the commit; also $SLIPWAY_REASON.")
@click.option("--rehearse", is_flag=True, help="Do a trial run first; if the gate refuses it, nothing is changed.")
@click.option("--rehearsed", default="", envvar="SLIPWAY_REHEARSED", metavar="JSON",
              help="Result of an earlier rehearsal, which must still be valid; also $SLIPWAY_REHEARSED.")  # fmt: skip
@click.option("--commit", "goal", flag_value="commit", help="Commit the data pin.")
@click.option("--push", "goal", flag_value="push", help="Commit the data pin and push it to the branch.")
@click.option("--propose", "goal", flag_value="propose", help="Push to a separate branch and open a pull request.")
@click.option("--github", is_flag=True, help="Compare the trial run with the release marked as Latest on GitHub.")
@settings_option
@json_option
def retrain(
    through: str, sources: tuple[str, ...], restore: str, parameters: tuple[str, ...], reason: str,
    rehearse: bool, rehearsed: str, goal: Any, github: bool, settings_file: Path, as_json: bool,
) -> None:  # fmt: skip
    """Validate new data and make it the training data.

    The command shows what changes and updates the data pin in slipway.toml. With --commit, --push or --propose, it also
    commits the change, which is then released like any other commit. `slipway ship` or the release workflow then trains
    on it.

    \b
    Examples:
      slipway retrain --through 2013-10-31
      slipway retrain --through 2013-10-31 --reason "October arrived" --commit
    """
    from slipway.commands.retrain.pin import RetrainRequest
    from slipway.commands.retrain.run import RetrainJob
    from slipway.commands.retrain.run import retrain as run_retrain

    if rehearse and rehearsed:
        raise SettingsError("use either --rehearse or --rehearsed (the result of an earlier --rehearse), not both")
    request = RetrainRequest(through, sources, restore, parameters, reason)
    job = RetrainJob(settings_file, request, goal or "file", rehearse, rehearsed, github)
    result = run_retrain(job, stderr_progress)
    _write_for_workflow(result)
    if as_json:
        print_json(_result_as_json(result))
    else:
        click.echo("\n".join(_result_lines(result)))
    if result.rehearsal and result.refused:
        raise GateRefused(f"{result.rehearsal.verdict_text}; nothing was committed, and the data pin is unchanged")


def _result_lines(result: RetrainResult) -> Iterator[str]:
    before = result.plan.before.data.sources
    for name, source in result.plan.pin.sources.items():
        if source != before[name]:
            yield f"source    {name}: {before[name].sha256[:12]} -> {source.sha256[:12]} at {source.uri}"
    if result.changes:
        from slipway.commands.retrain.changes import change_lines

        yield from change_lines(result.changes)
    if result.rehearsal:
        yield result.rehearsal.verdict_text
        yield f"model     sha256 {result.rehearsal.record.model}"
    if result.refused:
        return
    yield _describe_outcome(result)


def _describe_outcome(result: RetrainResult) -> str:
    plan = result.plan
    if plan.state != "moved":
        return _NO_CHANGE_MESSAGES[plan.state].format(pin=_describe_pin(result))
    if not result.commit:
        return (
            f"updated {plan.repo_path}: {_describe_new_data(result)}. Review it, then run again with --commit to create "
            f"`{plan.subject}`"
        )
    if result.proposal:
        return f"proposed {result.commit[:7]} `{plan.subject}`: {result.proposal}"
    after = (
        f"; this checkout could not be updated ({result.fast_forward_error}), so run `git pull`"
        if result.fast_forward_error
        else ""
    )
    return f"committed {result.commit[:7]} on {result.branch}: {plan.subject}{after}"


def _describe_new_data(result: RetrainResult) -> str:
    through = result.plan.pin.through
    return f"data now ends {through}" if through else "new data sources"


def _describe_pin(result: RetrainResult) -> str:
    through = result.plan.pin.through
    return f"through {through}" if through else "set to this data"


def _result_as_json(result: RetrainResult) -> dict[str, Any]:
    import msgspec

    plan, rehearsal = result.plan, result.rehearsal
    return {
        "state": plan.state,
        "subject": plan.subject if plan.state == "moved" else "",
        "through": plan.pin.through,
        "sources": {name: source.model_dump() for name, source in plan.pin.sources.items()},
        "changes": msgspec.to_builtins(result.changes),
        "verdict": rehearsal.verdict.verdict if rehearsal else "",
        "rules": [msgspec.to_builtins(rule) for rule in rehearsal.verdict.rules] if rehearsal else [],
        "model": rehearsal.record.model if rehearsal else "",
        "commit": result.commit,
        "branch": result.branch,
        "proposal": result.proposal,
    }


def _write_for_workflow(result: RetrainResult) -> None:
    """Write the record for later jobs, and a summary for the person who approves the new data."""
    import msgspec

    from slipway.bundle.verdict import verdict_table
    from slipway.github.workflows import write_outputs, write_summary
    from slipway.reporting.sanitize import code_span

    rehearsal, state = result.rehearsal, result.plan.state
    record = msgspec.json.encode(rehearsal.record).decode() if rehearsal and not result.refused else ""
    day = str(result.plan.pin.through or "") if result.plan.request.through else ""
    write_outputs(state=state, through=day, rehearsed=record)
    title = code_span(result.plan.subject) if state == "moved" else _describe_pin(result)
    parts = [f"## {title}", "```text\n" + "\n".join(_result_lines(result)) + "\n```"]
    if rehearsal:
        summary = rehearsal.candidate.metrics.with_name("summary.md")
        parts += [verdict_table(rehearsal.verdict), summary.read_text(encoding="utf-8")]
    write_summary("\n\n".join(parts))
