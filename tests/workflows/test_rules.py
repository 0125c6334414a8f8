"""The rules for workflow files hold of ours, and each rule notices the mistake that it is for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflows.rules import ACTION_RULES, GRANTS, RULES, broken, parsed, parsed_action

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
COMPONENTS = ROOT / "src" / "slipway" / "components_template" / ".github" / "workflows"
"""The workflows of a components repository; a name below has the prefix `components-`."""
NAMES = sorted(path.stem for path in FOLDER.glob("*.yml"))
NAMES += [f"components-{path.stem}" for path in sorted(COMPONENTS.glob("*.yml"))]
ACTION = ROOT / ".github" / "actions" / "setup" / "action.yml"
BIN = Path(sys.executable).parent


def text_of(name: str) -> str:
    folder = COMPONENTS if name.startswith("components-") else FOLDER
    return (folder / f"{name.removeprefix('components-')}.yml").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_file_breaks_no_rule(name: str) -> None:
    assert broken(parsed(name, text_of(name))) == {}


def test_the_setup_action_breaks_no_rule() -> None:
    assert broken(parsed_action("setup", ACTION.read_text()), ACTION_RULES) == {}


def test_the_table_of_grants_names_the_jobs_that_there_are() -> None:
    assert {f"{name}.{job}" for name in NAMES for job in parsed(name, text_of(name)).jobs} == set(GRANTS)


MUTATIONS = {
    "nothing_is_granted_on_top": ("deploy", "permissions: {}\nconcurrency", "permissions: write-all\nconcurrency"),
    "each_job_has_the_grants_of_the_table": (
        "deploy", "contents: read # check out; read the releases", "contents: write # check out; read the releases",
    ),
    "each_grant_says_why": ("release", "contents: write # push the release commit and its tag", "contents: write"),
    "each_action_is_pinned_with_its_version": (
        "ci", "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "actions/checkout@v7",
    ),
    "no_expression_stands_inside_a_shell": ("deploy", 'promote "$GITHUB_REF_NAME"', 'promote "${{ github.ref_name }}"'),
    "a_step_runs_one_command": ("ci", "run: make test", "run: |\n          make setup\n          make test"),
    "approval_and_concurrency_are_never_on_one_job": (
        "rollback", "environment: production\n", "environment: production\n    concurrency: production\n",
    ),
    "each_workflow_has_a_concurrency_group_of_its_own": (
        "release", "cancel-in-progress: false\njobs", "cancel-in-progress: true\njobs",
    ),
    "a_rollback_waits_for_no_group": (
        "rollback", "    name: Make it champion\n", "    name: Make it champion\n    concurrency: champion\n",
    ),
    "checkouts_keep_no_credentials": ("release", "persist-credentials: false", "persist-credentials: true"),
    "history_is_fetched_where_it_is_read": ("release", "fetch-depth: 0", "fetch-depth: 1"),
    "each_job_ends_in_bounded_time_on_a_known_runner": ("ci", "    timeout-minutes: 40\n", ""),
    "a_private_runner_serves_private_repositories_only": ("deploy", " && github.event.repository.private }}", " }}"),
    "nothing_is_cached": ("deploy", "fetch-depth: 0", "fetch-depth: 0\n          cache: pip"),
    "python_versions_are_text": ("library-ci", '["3.11", "3.12", "3.13"]', "[3.11, 3.12, 3.13]"),
    "the_setup_action_makes_every_environment": ("batch", "      - uses: ./.github/actions/setup\n", ""),
    "a_job_with_power_installs_few_packages": ("resume", "lock: .github/requirements.lock", "lock: requirements.lock"),
    "the_private_runner_has_its_own_python": ("rollback", 'python: ""', 'python: "3.12"'),
    "secrets_reach_programs_by_environment_only": (
        "deploy", "subject-checksums: dist/SHA256SUMS", "subject-checksums: ${{ secrets.SLIPWAY_SIGNING_KEY }}",
    ),
    "inputs_reach_programs_by_environment_only": (
        "deploy", "subject-checksums: dist/SHA256SUMS", "subject-checksums: ${{ inputs.sums }}",
    ),
    "an_input_is_never_taken_for_an_option": ("rollback", '-- "$VERSION"', '"$VERSION"'),
    "dry_run_is_the_default_of_a_dispatch_that_publishes": ("deploy", "default: true", "default: false"),
    "production_is_approved_before_it_changes": ("resume", "needs: [approve]", "needs: []"),
    "schedules_run_only_where_a_variable_turns_them_on": ("retrain", " || vars.SLIPWAY_SCHEDULES == 'on'", ""),
    "on_a_schedule_a_missing_input_is_not_taken_for_false": (
        "retrain", "(github.event_name == 'schedule' || !inputs.dry-run)", "!inputs.dry-run",
    ),
    "a_pin_moves_only_after_its_rehearsal": (
        "retrain", "SLIPWAY_REHEARSED: ${{ needs.rehearse.outputs.rehearsed }}", "SLIPWAY_REHEARSED: ''",
    ),
    "no_input_of_a_retrain_reaches_the_gate": ("retrain", "      settings:\n", "      margin:\n"),
}  # fmt: skip


@pytest.mark.parametrize("rule", [rule.__name__ for rule in RULES])
def test_a_rule_notices_its_mistake(rule: str) -> None:
    name, right, wrong = MUTATIONS[rule]
    assert right in text_of(name)
    assert rule in broken(parsed(name, text_of(name).replace(right, wrong, 1)))


ACTION_MUTATIONS = {
    "each_action_is_pinned_with_its_version": ("@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0", "@v7"),
    "no_expression_stands_inside_a_shell": ('"$LOCK"', '"${{ inputs.lock }}"'),
    "a_step_runs_one_command": ("run: make setup", "run: |\n        true\n        make setup"),
    "nothing_is_cached": ("        python-version:", "        cache: pip\n        python-version:"),
    "secrets_reach_programs_by_environment_only": ("${{ inputs.python }}", "${{ secrets.PYTHON }}"),
}


@pytest.mark.parametrize("rule", [rule.__name__ for rule in ACTION_RULES])
def test_a_rule_notices_its_mistake_in_the_action(rule: str) -> None:
    right, wrong = ACTION_MUTATIONS[rule]
    assert right in ACTION.read_text()
    assert rule in broken(parsed_action("setup", ACTION.read_text().replace(right, wrong, 1)), ACTION_RULES)


def test_dependabot_watches_the_actions_of_every_folder_and_never_moves_the_library() -> None:
    entries = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    folders = next(entry["directories"] for entry in entries if entry["package-ecosystem"] == "github-actions")
    assert folders == ["/", "/.github/actions/*"]
    others = [entry for entry in entries if entry["package-ecosystem"] != "github-actions"]
    assert all({"dependency-name": "slipway-ml"} in entry.get("ignore", []) for entry in others)


def test_a_project_tests_on_one_python_and_the_library_on_each_that_it_supports() -> None:
    versions = re.findall(r"Python :: (3\.\d+)", (ROOT / "src" / "pyproject.toml").read_text())
    assert parsed("library-ci", text_of("library-ci")).jobs["test"]["strategy"]["matrix"]["python"] == versions
    assert not any("strategy" in job for job in parsed("ci", text_of("ci")).jobs.values())


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("library")])
def test_a_workflow_of_a_project_names_nothing_of_the_library_s_repository(name: str) -> None:
    assert [word for word in ("src/", "packages/", "flights", "library") if word in text_of(name)] == []


def test_a_called_workflow_is_granted_what_it_needs() -> None:
    needed: set[tuple[str, str]] = set()
    for job in parsed("ci", text_of("ci")).jobs.values():
        needed |= set(job["permissions"].items())
    assert needed <= set(GRANTS["release.ci"].items())


@pytest.mark.parametrize("name", NAMES)
def test_each_dispatch_sends_inputs_that_the_started_workflow_has(name: str) -> None:
    for started, rest in re.findall(r"slipway ci dispatch (\S+)\.yml(.*)", text_of(name)):
        taken = yaml.safe_load(text_of(started))[True]["workflow_dispatch"] or {}
        inputs: dict[str, Any] = taken.get("inputs", {})
        sent = dict(re.findall(r"--input ([\w-]+)=(\S+)", rest))
        assert set(sent) <= set(inputs)
        assert {key for key, given in inputs.items() if given.get("required") and "default" not in given} <= set(sent)
        assert all(sent[key] in ("true", "false") for key in sent if inputs[key]["type"] == "boolean")


def test_groups_of_different_workflows_never_meet_unless_they_are_meant_to() -> None:
    workflows = [parsed(name, text_of(name)) for name in NAMES]
    jobs = [job for workflow in workflows for job in workflow.jobs.values()]
    groups = [
        place["concurrency"]["group"] for place in [*(w.content for w in workflows), *jobs] if "concurrency" in place
    ]
    assert len(set(groups)) == len(groups)


def test_actionlint_and_zizmor_find_nothing() -> None:
    for command in (["actionlint"], ["zizmor", "--offline", "--quiet", "--persona=pedantic", ".github"]):
        done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
