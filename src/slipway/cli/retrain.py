"""The verb that moves the data pin."""

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
    "unchanged": "the data pin is {pin} already; nothing was changed",
    "unreleased": "the data pin is {pin} already, and no release has it yet; `slipway release` makes one; nothing was "
    "changed",
}


@click.command(epilog='Example: slipway retrain --through 2013-10-31 --reason "October arrived" --commit')
@click.option("--through", default="", envvar="SLIPWAY_THROUGH", metavar="YYYY-MM-DD",
              help="The last day of the data; also `yesterday`, or $SLIPWAY_THROUGH.")  # fmt: skip
@click.option("--source", "sources", multiple=True, envvar="SLIPWAY_SOURCE", metavar="[NAME=]URI",
              help="New data: a path, package://, or what fsspec reads; also $SLIPWAY_SOURCE.")  # fmt: skip
@click.option("--restore", default="", envvar="SLIPWAY_RESTORE", metavar="X.Y.Z",
              help="Bring the pin of an earlier release back; also $SLIPWAY_RESTORE.")  # fmt: skip
@click.option("--set", "parameters", multiple=True, envvar="SLIPWAY_SET", metavar="NAME=VALUE",
              help="Move a training parameter too; also $SLIPWAY_SET, several apart by blanks.")  # fmt: skip
@click.option("--reason", default="", envvar="SLIPWAY_REASON", help="Why, for the commit; also $SLIPWAY_REASON.")
@click.option("--rehearse", is_flag=True, help="Train and judge first; a refused rehearsal moves nothing.")
@click.option("--rehearsed", default="", envvar="SLIPWAY_REHEARSED", metavar="JSON",
              help="What an earlier rehearsal said, which must still count; also $SLIPWAY_REHEARSED.")  # fmt: skip
@click.option("--commit", "goal", flag_value="commit", help="Commit the pin.")
@click.option("--push", "goal", flag_value="push", help="Commit the pin and push it to the branch.")
@click.option("--propose", "goal", flag_value="propose", help="Push it to a branch of its own, as a pull request.")
@click.option("--github", is_flag=True, help="Rehearse against the release that GitHub calls Latest.")
@settings_option
@json_option
def retrain(
    through: str, sources: tuple[str, ...], restore: str, parameters: tuple[str, ...], reason: str,
    rehearse: bool, rehearsed: str, goal: Any, github: bool, settings_file: Path, as_json: bool,
) -> None:  # fmt: skip
    """Move the data pin: look at new data, validate it, show what changes, and change slipway.toml (or commit it).

    The commit is released like any other: a retrain is a release.
    """
    from slipway.commands.retrain.pin import RetrainRequest
    from slipway.commands.retrain.run import RetrainJob
    from slipway.commands.retrain.run import retrain as retrained

    if rehearse and rehearsed:
        raise SettingsError("--rehearsed is what an earlier --rehearse said; give one of the two")
    wish = RetrainRequest(through, sources, restore, parameters, reason)
    done = retrained(RetrainJob(settings_file, wish, goal or "file", rehearse, rehearsed, github), stderr_progress)
    _write_for_workflow(done)
    if as_json:
        print_json(_result_as_json(done))
    else:
        click.echo("\n".join(_result_lines(done)))
    if done.rehearsal and done.refused:
        raise GateRefused(f"{done.rehearsal.verdict_text}; nothing was committed, and the pin stays where it was")


def _result_lines(result: RetrainResult) -> Iterator[str]:
    from slipway.commands.retrain.changes import change_lines

    before = result.plan.before.data.sources
    for name, source in result.plan.pin.sources.items():
        if source != before[name]:
            yield f"source    {name}: {before[name].sha256[:12]} -> {source.sha256[:12]} at {source.uri}"
    if result.changes:
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
        return f"{plan.repo_path} is {_describe_pin(result)} now; review it, and say --commit for `{plan.subject}`"
    if result.proposal:
        return f"proposed {result.commit[:7]} `{plan.subject}`: {result.proposal}"
    after = (
        f"; this checkout could not follow ({result.fast_forward_error}), so update it"
        if result.fast_forward_error
        else ""
    )
    return f"committed {result.commit[:7]} on {result.branch}: {plan.subject}{after}"


def _describe_pin(result: RetrainResult) -> str:
    through = result.plan.pin.through
    return f"through {through}" if through else "on this data"


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
    """The record for later jobs, and all that a person reads before the pin moves, in the job's summary."""
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
