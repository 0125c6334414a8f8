"""Define the commands about projects: new, init and upgrade."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import json_option, print_result, retry_on_github, settings_option, stderr_progress
from slipway.errors import SettingsError

if TYPE_CHECKING:
    from slipway.commands.project.file_changes import FileChange


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the project and its model. Default: the folder's name.")
@click.option("--description", default="", help="One sentence about the model.")
@click.option("--components", is_flag=True, help="Make a repository of components for several projects instead.")
@click.option("--yes", is_flag=True, help="Ask nothing: take the defaults, and keep every file that exists.")
@click.option("--overwrite", is_flag=True, help="In a repository that exists: replace the files that differ.")
@click.option("--no-commit", is_flag=True, help="Make no git repository and no commit.")
@json_option
def new(
    folder: Path,
    name: str | None,
    description: str,
    components: bool,
    yes: bool,
    overwrite: bool,
    no_commit: bool,
    as_json: bool,
) -> None:
    """Make a new project in the folder DIR.

    It has a small example table, so that it runs at once.
    In a repository that exists, `slipway new .` adds the files that are missing, shows each file that it would change, and
    lets you decide. In both cases everything is written or nothing.
    With --components, the folder is a repository of pipeline components with a catalog, tests and releases; a project
    uses them at a version that its slipway.toml names.

    \b
    Examples:
      slipway new churn
      slipway new ../churn --yes --description "Which customers will leave?"
      cd my-repository && slipway new . --name churn
      slipway new ../pipeline-components --components
    """
    from slipway.commands.project.new import new_project

    interactive = sys.stdin.isatty() and not yes
    name = name or folder.absolute().name.lower().replace(" ", "-")
    if interactive:
        what, about = ("components repository", "it") if components else ("project and its model", "the model")
        name = click.prompt(f"Name of the {what}", default=name)
        description = description or click.prompt(f"One sentence about {about}", default="", show_default=False)
    if (folder / ".git").exists() and not components:
        _adopt(folder, str(name), description, interactive, overwrite, as_json)
        return
    made = new_project(
        folder,
        str(name),
        description=description,
        components=components,
        commit=not no_commit,
        progress=stderr_progress,
    )
    steps = (_COMPONENTS_NEXT_STEPS if components else _NEXT_STEPS).format(folder=folder)
    print_result(asdict(made), f"made {folder} with {made.files} files and {made.lines:,} lines\n\n{steps}", as_json)


_COMPONENTS_NEXT_STEPS = """next:
  cd {folder}
  make test                 run the components on small tables
  CATALOG.md                lists the components and their parameters
  README.md                 says how a project uses them, and how to release them"""

_NEXT_STEPS = """next:
  cd {folder}
  make ship                 train, check and release the example on this machine
  make test                 run the project's tests
  README.md                 says where your own table, features and estimator go"""


def _adopt(folder: Path, name: str, description: str, interactive: bool, overwrite: bool, as_json: bool) -> None:
    from slipway.commands.project.adopt import adopt

    def may_change(change: FileChange) -> bool:
        if overwrite or not interactive:
            return overwrite or not change.replaces
        click.echo(f"\n{change.diff()}")
        return click.confirm(f"Change {change.path.name} ({change.summary})?", default=False)

    adopted = adopt(folder, name, description=description, may_change=may_change, progress=stderr_progress)
    lines = [f"added    {path}" for path in adopted.added]
    lines += [f"changed  {path}" for path in adopted.changed]
    lines += [f"kept     {path} (Slipway's own differs)" for path in adopted.kept]
    print_result(asdict(adopted), "\n".join(lines) or "nothing is missing; nothing was changed", as_json)


@click.command()
@settings_option
@click.option("--name", help="Name of the project and its model; you are prompted for it if you omit it.")
@click.option("--description", default="", help="One sentence about the model.")
@click.option("--force", is_flag=True, help="Proceed despite uncommitted changes or existing releases.")
@json_option
def init(settings_file: Path, name: str | None, description: str, force: bool, as_json: bool) -> None:
    """Turn a copy of Slipway's repository into your own project.

    After "Use this template" on GitHub, your copy has Slipway's own source and tests. They are removed, and what is left is
    the same small project as `slipway new` makes. A second run changes nothing.

    \b
    Examples:
      slipway init --name churn
      slipway init --name churn --description "Predicts who will leave."
    """
    from slipway.commands.project.init import initialize

    root = settings_file.absolute().parent
    if name is None and not sys.stdin.isatty():
        raise SettingsError("the project needs a name; run `slipway init --name my-model`; nothing was changed")
    name = name or click.prompt("Name of the project and its model", default=root.name)
    done = initialize(root, str(name), description=description, force=force, progress=stderr_progress)
    sentence = f"wrote {len(done.written)} files and removed {done.removed:,} of Slipway's own\n\n{_AFTER_INIT}"
    print_result(
        asdict(done), sentence if done.written else f"{root} is a project already; nothing was changed", as_json
    )


_AFTER_INIT = """next:
  git status                review the changes, then commit them as `feat: start` and push: that releases 1.0.0
  make ship                 train, check and release the example on this machine
  README.md                 says where your own table, features and estimator go
  LICENSE                   is Slipway's; choose your own"""


@click.command()
@click.argument("version", metavar="[X.Y.Z]", required=False, default="")
@click.option("--wheel", type=click.Path(path_type=Path, dir_okay=False), help="The new version's wheel, as a file.")
@click.option("--check", is_flag=True, help="Only report what is available and what would change.")
@click.option(
    "--issue", is_flag=True, help="With --check: keep one issue on GitHub open while an upgrade is available."
)
@click.option("--pr", is_flag=True, help="Push a branch and open a pull request, instead of moving this branch.")
@click.option("--no-tests", is_flag=True, help="Do not run the project's tests.")
@click.option("--continue", "continued", is_flag=True, hidden=True)
@settings_option
@json_option
def upgrade(
    version: str,
    wheel: Path | None,
    check: bool,
    issue: bool,
    pr: bool,
    no_tests: bool,
    continued: bool,
    settings_file: Path,
    as_json: bool,
) -> None:
    """Bring this project to a newer Slipway, in one commit.

    The template's changes are merged with yours, settings are migrated, the locks are resolved and your tests run, all in
    a temporary worktree. Your branch moves to the commit only when that succeeded; `git revert` undoes it. The default is
    the newest version of the package index. With --check, the exit code is 0 whether or not there is a newer version; see
    the JSON field `newer`.

    \b
    Examples:
      slipway upgrade --check
      slipway upgrade
      slipway upgrade 1.4.0 --pr
      slipway upgrade --wheel slipway_ml-1.4.0-py3-none-any.whl
    """
    from slipway.commands.project.upgrade.check import check_upgrade, update_issue
    from slipway.commands.project.upgrade.start import choose_wheel, hand_over_or_upgrade

    root = settings_file.absolute().parent
    with choose_wheel(root, version, wheel) as (chosen, folder):
        if check:
            found = check_upgrade(root, chosen)
            text = retry_on_github(lambda on: update_issue(on, found)) if issue else "\n".join(found.lines())
            print_result(asdict(found), text, as_json)
            return
        options = {
            "--pr": pr,
            "--no-tests": no_tests,
            "--json": as_json,
            f"--settings={settings_file.absolute()}": True,
        }
        arguments = [option for option, given in options.items() if given]
        done = hand_over_or_upgrade(
            root,
            chosen,
            folder,
            arguments,
            continued=continued,
            tests=not no_tests,
            propose=pr,
            progress=stderr_progress,
        )
    if isinstance(done, int):
        sys.exit(done)
    print_result(asdict(done), done.summary, as_json)
