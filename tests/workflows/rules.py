"""What must hold of every workflow file, since ``act`` does not mind it: each rule yields a sentence per breach."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Job = dict[str, Any]
SETUP = "./.github/actions/setup"
RELEASE_LOCK = ".github/requirements.lock"
NEEDS_MORE = {"deploy.register"}
"""The jobs with a power that need more packages than those of a release: the registry is MLflow's."""
GRANTS: dict[str, dict[str, str]] = {
    "ci.check": {"contents": "read"},
    "ci.test": {"contents": "read"},
    "ci.compatibility": {"contents": "read"},
    "ci.all-green": {},
    "locks.audit": {"contents": "read"},
    "locks.resolve": {"contents": "read"},
    "locks.propose": {"contents": "write", "pull-requests": "write"},
    "locks.check": {"contents": "read", "actions": "write"},
    "library-ci.all": {"contents": "read"},
    "library-ci.test": {"contents": "read"},
    "library-ci.fast": {"contents": "read"},
    "release.ci": {"contents": "read"},
    "release.version": {"contents": "write"},
    "components-ci.test": {"contents": "read"},
    "components-ci.compatibility": {"contents": "read"},
    "components-ci.all-green": {},
    "components-release.ci": {"contents": "read"},
    "components-release.version": {"contents": "write"},
    "components-release.page": {"contents": "write"},
    "release.dispatch": {"contents": "read", "actions": "write"},
    "deploy.plan": {"contents": "read"},
    "deploy.train": {"contents": "read", "deployments": "read"},
    "deploy.sign": {"contents": "read", "id-token": "write", "attestations": "write"},
    "deploy.page": {"contents": "write"},
    "deploy.refused": {"contents": "read", "issues": "write"},
    "deploy.approve": {},
    "deploy.rollout": {"contents": "read", "deployments": "read"},
    "deploy.promote": {"contents": "write", "deployments": "write"},
    "deploy.register": {"contents": "read"},
    "deploy.verdict": {},
    "rollback.approve": {},
    "rollback.rollout": {"contents": "read"},
    "rollback.promote": {"contents": "write", "deployments": "write"},
    "monitor.drift": {"contents": "read"},
    "monitor.report": {"contents": "read", "issues": "write", "actions": "write"},
    "resume.approve": {},
    "resume.resume": {"contents": "read", "deployments": "write"},
    "batch.score": {"contents": "read"},
    "library.plan": {"contents": "read"},
    "library.ci": {"contents": "read"},
    "library.tag": {"contents": "write"},
    "library.build": {"contents": "read"},
    "library.page": {"contents": "write"},
    "library.publish": {"contents": "read", "id-token": "write"},
    "retrain.rehearse": {"contents": "read", "deployments": "read"},
    "retrain.push": {"contents": "write"},
    "retrain.propose": {"contents": "write", "pull-requests": "write"},
    "retrain.release": {"contents": "read", "actions": "write"},
    "reproduce.rebuild": {"contents": "read"},
    "reproduce.pages": {"contents": "write"},
    "upgrade.check": {"contents": "read", "issues": "write"},
}
"""Every job of every workflow with all that it may do: a new power is a change here, seen in review."""

_PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
_GRANT = re.compile(r"^ +(?:[a-z-]+): (?:read|write)\b(.*)$")
_NEEDS_HISTORY = (
    "slipway release",
    "slipway ci release-plan",
    "slipway ci make-release",
    "slipway commits",
    "contract check",
    "slipway preview",
    "slipway components c",
    "slipway ci pack-components",
    "slipway retrain",
    "slipway ci propose-locks",
    "library release",
    "library build",
)
_RUNNERS = {"ubuntu-24.04", "${{ vars.SLIPWAY_RUNNER }}"}
_OTHER_RUNNERS = {"library-ci.fast": {"macos-15"}}
_NEVER_CANCELLED = {"release", "deploy", "rollback", "resume", "retrain", "monitor", "locks", "library", "reproduce"}
_RETRAIN_INPUTS = {"through", "source", "restore", "reason", "settings", "via", "dry-run"}


@dataclass(frozen=True, slots=True)
class Workflow:
    """A file by its name without ``.yml``, as text and parsed."""

    name: str
    text: str
    content: dict[Any, Any]

    @property
    def triggers(self) -> dict[str, Any]:
        """YAML 1.1 reads ``on`` as true."""
        found: dict[str, Any] = self.content[True]
        return found

    @property
    def jobs(self) -> dict[str, Job]:
        jobs: dict[str, Job] = self.content["jobs"]
        return jobs

    def steps(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, job in self.jobs.items():
            yield from ((name, step) for step in job.get("steps", []))


def parsed(name: str, text: str) -> Workflow:
    return Workflow(name, text, yaml.safe_load(text))


def parsed_action(name: str, text: str) -> Workflow:
    """A composite action of ours; what it runs counts as a job of its name."""
    return Workflow(name, text, {"jobs": {name: yaml.safe_load(text)["runs"]}})


def nothing_is_granted_on_top(workflow: Workflow) -> Iterator[str]:
    if workflow.content.get("permissions") != {}:
        yield "the workflow's own permissions are not {}"


def each_job_has_the_grants_of_the_table(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        if job.get("permissions") != GRANTS.get(f"{workflow.name}.{name}"):
            yield f"{name} may do {job.get('permissions')}"


def each_grant_says_why(workflow: Workflow) -> Iterator[str]:
    inside = False
    for line in workflow.text.splitlines():
        if "permissions:" in line:
            inside = True
        elif inside and (grant := _GRANT.match(line)):
            if not grant[1].strip().startswith("# "):
                yield f"no reason beside '{line.strip()}'"
        else:
            inside = False


def each_action_is_pinned_with_its_version(workflow: Workflow) -> Iterator[str]:
    for line in workflow.text.splitlines():
        used = line.strip().removeprefix("- ")
        if used.startswith("uses: ") and not used.startswith("uses: ./") and not _PINNED.fullmatch(used):
            yield f"not pinned: '{used}'"


def no_expression_stands_inside_a_shell(workflow: Workflow) -> Iterator[str]:
    yield from (f"{job} runs '{step['run']}'" for job, step in workflow.steps() if "${{" in step.get("run", ""))


def a_step_runs_one_command(workflow: Workflow) -> Iterator[str]:
    for job, step in workflow.steps():
        if len(step.get("run", "").strip().splitlines()) > 1:
            yield f"{job} runs a program of several lines"


def approval_and_concurrency_are_never_on_one_job(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        # An identity is made when the job starts, and the index trusts it in the environment only.
        powers = {} if f"{workflow.name}.{name}" == "library.publish" else job.get("permissions")
        if "environment" in job and ("concurrency" in job or powers):
            yield f"{name} waits for approval and holds a group or a power meanwhile"


def each_workflow_has_a_concurrency_group_of_its_own(workflow: Workflow) -> Iterator[str]:
    group = workflow.content.get("concurrency", {})
    if not str(group.get("group", "")).startswith(workflow.name):
        yield f"the group is {group.get('group')}"
    if workflow.name in _NEVER_CANCELLED and group.get("cancel-in-progress") is not False:
        yield "a run may be cancelled half-way"
    if "github.workflow" in workflow.text:
        yield "github.workflow is the caller's in a called file"


def a_rollback_waits_for_no_group(workflow: Workflow) -> Iterator[str]:
    if workflow.name == "rollback":
        yield from (f"{name} waits for a group" for name, job in workflow.jobs.items() if "concurrency" in job)


def checkouts_keep_no_credentials(workflow: Workflow) -> Iterator[str]:
    for job, step in workflow.steps():
        if "actions/checkout" in step.get("uses", "") and step.get("with", {}).get("persist-credentials") is not False:
            yield f"{job} leaves its token in the checkout"


def history_is_fetched_where_it_is_read(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        steps = job.get("steps", [])
        reads = any(command in f"{step.get('run', '')} " for step in steps for command in _with_ends(_NEEDS_HISTORY))
        whole = any(step.get("with", {}).get("fetch-depth") == 0 for step in steps)
        if reads and not whole:
            yield f"{name} reads history and fetched one commit"


def each_job_ends_in_bounded_time_on_a_known_runner(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        runners = _OTHER_RUNNERS.get(f"{workflow.name}.{name}", _RUNNERS)
        if "uses" not in job and ("timeout-minutes" not in job or job.get("runs-on") not in runners):
            yield f"{name} has no time limit, or runs on {job.get('runs-on')}"


def a_private_runner_serves_private_repositories_only(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        if "SLIPWAY_RUNNER" in str(job.get("runs-on")) and "github.event.repository.private" not in str(job.get("if")):
            yield f"{name} lets a public repository's forks reach the serving host"


def nothing_is_cached(workflow: Workflow) -> Iterator[str]:
    for job, step in workflow.steps():
        if "actions/cache" in step.get("uses", "") or any("cache" in key for key in step.get("with", {})):
            yield f"{job} uses a cache, which another run may have poisoned"


def python_versions_are_text(workflow: Workflow) -> Iterator[str]:
    versions = [step.get("with", {}).get("python") for _, step in workflow.steps()]
    versions += [
        v for job in workflow.jobs.values() for v in job.get("strategy", {}).get("matrix", {}).get("python", [])
    ]
    yield from (
        f"{version} is a number" for version in versions if version is not None and not isinstance(version, str)
    )


def the_setup_action_makes_every_environment(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        used = [f"{step.get('uses', '')}{step.get('run', '')}" for step in job.get("steps", [])]
        if any(text.startswith(("actions/setup-python@", "make setup")) for text in used):
            yield f"{name} repeats what {SETUP} does"
        if any(text.startswith((".venv/", "make ")) for text in used) and SETUP not in used:
            yield f"{name} runs a program without {SETUP}"


def a_job_with_power_installs_few_packages(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        setups = [step for step in job.get("steps", []) if step.get("uses") == SETUP]
        if not setups or not has_power(job) or f"{workflow.name}.{name}" in NEEDS_MORE:
            continue
        small, *larger = setups
        if lock_of(small) != RELEASE_LOCK or [step.get("if") for step in larger] not in ([], ["inputs.source"]):
            yield f"{name} installs more than {RELEASE_LOCK}"


def has_power(job: Job) -> bool:
    """Whether a job may write, or has an identity or a secret."""
    return "write" in job.get("permissions", {}).values() or "secrets." in str(job.get("steps"))


def lock_of(setup: dict[str, Any]) -> str:
    """The lock that a step with our action installs."""
    return str(setup.get("with", {}).get("lock", "requirements.lock"))


def the_private_runner_has_its_own_python(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        private = "SLIPWAY_RUNNER" in str(job.get("runs-on"))
        setups = [step.get("with", {}) for step in job.get("steps", []) if step.get("uses") == SETUP]
        if any((given.get("python") == "") != private for given in setups):
            yield f"{name} gets the Python of another kind of runner"


def secrets_reach_programs_by_environment_only(workflow: Workflow) -> Iterator[str]:
    for job, step in workflow.steps():
        if "secrets." in str({**step, "env": None}):
            yield f"{job} hands a secret over in other ways than env"


def inputs_reach_programs_by_environment_only(workflow: Workflow) -> Iterator[str]:
    for job, step in workflow.steps():
        if "inputs." in str({**step, "env": None, "if": None}):
            yield f"{job} hands an input over in other ways than env"


def an_input_is_never_taken_for_an_option(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        for step in job.get("steps", []):
            given = {key for key, value in step.get("env", {}).items() if "inputs." in str(value)}
            words = str(step.get("run", "")).split()
            for before, word in itertools.pairwise(words):
                if word.strip('"$') in given and not before.startswith("--"):
                    yield f"{name} gives {word} where it could be an option; put it behind --"


def dry_run_is_the_default_of_a_dispatch_that_publishes(workflow: Workflow) -> Iterator[str]:
    given = ((workflow.triggers.get("workflow_dispatch") or {}).get("inputs") or {}).get("dry-run")
    if workflow.name in ("deploy", "retrain", "library") and (given is None or given.get("default") is not True):
        yield f"{workflow.name} publishes unless told otherwise"


def production_is_approved_before_it_changes(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        changes = any(
            word in step.get("run", "") for step in job.get("steps", []) for word in ("promote", "pull", "resume")
        )
        if changes and "approve" not in job.get("needs", []):
            yield f"{name} changes what serves, and nobody approved"


def schedules_run_only_where_a_variable_turns_them_on(workflow: Workflow) -> Iterator[str]:
    if "schedule" in workflow.triggers:
        first = {name: job for name, job in workflow.jobs.items() if "needs" not in job}
        yield from (
            f"{name} runs in every copy of the template" for name, job in first.items() if not _is_switched(job)
        )


def on_a_schedule_a_missing_input_is_not_taken_for_false(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        condition = str(job.get("if"))
        if "schedule" in workflow.triggers and "!inputs." in condition and "github.event_name ==" not in condition:
            yield f"{name} takes a schedule, which has no inputs, for a wish to go on"


def a_pin_moves_only_after_its_rehearsal(workflow: Workflow) -> Iterator[str]:
    for name, job in workflow.jobs.items():
        moves = [s for s in job.get("steps", []) if re.search("retrain --(push|propose|commit)", s.get("run", ""))]
        rehearsed = "needs.rehearse.outputs.state == 'moved'" in str(job.get("if"))
        for step in moves:
            if not rehearsed or "needs.rehearse.outputs.rehearsed" not in str(step["env"].get("SLIPWAY_REHEARSED")):
                yield f"{name} moves a pin that nobody rehearsed"


def no_input_of_a_retrain_reaches_the_gate(workflow: Workflow) -> Iterator[str]:
    if workflow.name == "retrain":
        given = set(workflow.triggers["workflow_dispatch"]["inputs"])
        yield from (f"the input {name} was not reviewed" for name in sorted(given - _RETRAIN_INPUTS))


Rule = Callable[[Workflow], Iterator[str]]
RULES: list[Rule] = [
    nothing_is_granted_on_top,
    each_job_has_the_grants_of_the_table,
    each_grant_says_why,
    each_action_is_pinned_with_its_version,
    no_expression_stands_inside_a_shell,
    a_step_runs_one_command,
    approval_and_concurrency_are_never_on_one_job,
    each_workflow_has_a_concurrency_group_of_its_own,
    a_rollback_waits_for_no_group,
    checkouts_keep_no_credentials,
    history_is_fetched_where_it_is_read,
    each_job_ends_in_bounded_time_on_a_known_runner,
    a_private_runner_serves_private_repositories_only,
    nothing_is_cached,
    python_versions_are_text,
    the_setup_action_makes_every_environment,
    a_job_with_power_installs_few_packages,
    the_private_runner_has_its_own_python,
    secrets_reach_programs_by_environment_only,
    inputs_reach_programs_by_environment_only,
    an_input_is_never_taken_for_an_option,
    dry_run_is_the_default_of_a_dispatch_that_publishes,
    production_is_approved_before_it_changes,
    schedules_run_only_where_a_variable_turns_them_on,
    on_a_schedule_a_missing_input_is_not_taken_for_false,
    a_pin_moves_only_after_its_rehearsal,
    no_input_of_a_retrain_reaches_the_gate,
]

ACTION_RULES = [
    each_action_is_pinned_with_its_version,
    no_expression_stands_inside_a_shell,
    a_step_runs_one_command,
    nothing_is_cached,
    secrets_reach_programs_by_environment_only,
]


def broken(workflow: Workflow, rules: Iterable[Rule] = RULES) -> dict[str, list[str]]:
    """The rules that a file breaks, with the sentences."""
    found = {rule.__name__: list(rule(workflow)) for rule in rules}
    return {rule: sentences for rule, sentences in found.items() if sentences}


def _is_switched(job: Job) -> bool:
    asks = r"github\.event_name != 'schedule' \|\| \(?vars\.SLIPWAY_SCHEDULES == 'on'"
    return re.match(asks, str(job.get("if"))) is not None


def _with_ends(commands: tuple[str, ...]) -> Iterator[str]:
    yield from (f"{command} " for command in commands)
