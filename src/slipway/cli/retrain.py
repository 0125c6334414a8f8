"""The verb that moves the data pin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slipway.cli.options import answer, json_option, say, settings_option
from slipway.errors import GateRefused, SettingsError

if TYPE_CHECKING:
    from slipway.commands.retrain.run import Retrained

_WORDS = {
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
    from slipway.commands.retrain.pin import Wish
    from slipway.commands.retrain.run import Request
    from slipway.commands.retrain.run import retrain as retrained

    if rehearse and rehearsed:
        raise SettingsError("--rehearsed is what an earlier --rehearse said; give one of the two")
    wish = Wish(through, sources, restore, parameters, reason)
    done = retrained(Request(settings_file, wish, goal or "file", rehearse, rehearsed, github), say)
    _write_for_workflow(done)
    if as_json:
        answer(_of_machines(done))
    else:
        click.echo("\n".join(_told(done)))
    if done.rehearsal and done.refused:
        raise GateRefused(f"{done.rehearsal.said}; nothing was committed, and the pin stays where it was")


def _told(done: Retrained) -> Iterator[str]:
    from slipway.commands.retrain.changes import lines

    before = done.plan.before.data.sources
    for name, source in done.plan.pin.sources.items():
        if source != before[name]:
            yield f"source    {name}: {before[name].sha256[:12]} -> {source.sha256[:12]} at {source.uri}"
    if done.changes:
        yield from lines(done.changes)
    if done.rehearsal:
        yield done.rehearsal.said
        yield f"model     sha256 {done.rehearsal.rehearsed.model}"
    if done.refused:
        return
    yield _outcome(done)


def _outcome(done: Retrained) -> str:
    plan = done.plan
    if plan.state != "moved":
        return _WORDS[plan.state].format(pin=_pin(done))
    if not done.commit:
        return f"{plan.place} is {_pin(done)} now; review it, and say --commit for `{plan.subject}`"
    if done.proposal:
        return f"proposed {done.commit[:7]} `{plan.subject}`: {done.proposal}"
    after = f"; this checkout could not follow ({done.behind}), so update it" if done.behind else ""
    return f"committed {done.commit[:7]} on {done.branch}: {plan.subject}{after}"


def _pin(done: Retrained) -> str:
    through = done.plan.pin.through
    return f"through {through}" if through else "on this data"


def _of_machines(done: Retrained) -> dict[str, Any]:
    import msgspec

    plan, rehearsal = done.plan, done.rehearsal
    return {
        "state": plan.state,
        "subject": plan.subject if plan.state == "moved" else "",
        "through": plan.pin.through,
        "sources": {name: source.model_dump() for name, source in plan.pin.sources.items()},
        "changes": msgspec.to_builtins(done.changes),
        "verdict": rehearsal.verdict.verdict if rehearsal else "",
        "rules": [msgspec.to_builtins(rule) for rule in rehearsal.verdict.rules] if rehearsal else [],
        "model": rehearsal.rehearsed.model if rehearsal else "",
        "commit": done.commit,
        "branch": done.branch,
        "proposal": done.proposal,
    }


def _write_for_workflow(done: Retrained) -> None:
    """The record for later jobs, and all that a person reads before the pin moves, in the job's summary."""
    import msgspec

    from slipway.bundle.verdict import table
    from slipway.github.workflows import write_outputs, write_summary
    from slipway.reporting.sanitize import code

    rehearsal, state = done.rehearsal, done.plan.state
    record = msgspec.json.encode(rehearsal.rehearsed).decode() if rehearsal and not done.refused else ""
    day = str(done.plan.pin.through or "") if done.plan.wish.through else ""
    write_outputs(state=state, through=day, rehearsed=record)
    title = code(done.plan.subject) if state == "moved" else _pin(done)
    parts = [f"## {title}", "```text\n" + "\n".join(_told(done)) + "\n```"]
    if rehearsal:
        summary = rehearsal.candidate.metrics.with_name("summary.md")
        parts += [table(rehearsal.verdict), summary.read_text(encoding="utf-8")]
    write_summary("\n\n".join(parts))
