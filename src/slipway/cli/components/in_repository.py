"""Define the commands for a components repository: check, catalog and the files of a release."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from slipway.cli.options import json_option, print_result, read_title, settings_option, title_option
from slipway.errors import CompatibilityError


@click.command("check")
@title_option
@settings_option
@json_option
def check(title: str | None, settings_file: Path, as_json: bool) -> None:
    """Check that the next version covers all changes of parameters.

    In a components repository: compares the parameters of each component with those of the last release, and the
    required version bump with the one that the commits release. A parameter that was removed or renamed, has another
    type, or is new and has no default, requires a major version.

    \b
    Examples:
      slipway components check
      slipway components check --title "feat!: train takes a table of costs"
    """
    from slipway.commands.check_contract import check_components
    from slipway.versioning.next_version import find_next_version

    root = settings_file.absolute().parent
    result = check_components(root, find_next_version(root, read_title(title)))
    if as_json or result.honest:
        print_result(msgspec.to_builtins(result), result.sentence, as_json)
    if not result.honest:
        raise CompatibilityError(result.sentence)


@click.command()
@click.option(
    "--check", "only_check", is_flag=True, help="Change nothing; the exit code is 6 if the page is out of date."
)
@settings_option
@json_option
def catalog(only_check: bool, settings_file: Path, as_json: bool) -> None:
    """Write CATALOG.md: each component with its parameters.

    In a components repository. The page also says which version added each component and parameter.

    \b
    Examples:
      slipway components catalog && git diff CATALOG.md
      slipway components catalog --check
    """
    from slipway.bundle.release_assets import CATALOG
    from slipway.commands.components.catalog import check_catalog, render_catalog

    root = settings_file.absolute().parent
    if only_check:
        check_catalog(root)
    else:
        (root / CATALOG).write_text(render_catalog(root), encoding="utf-8")
    sentence = f"{CATALOG} is up to date" if only_check else f"wrote {CATALOG}"
    print_result({"file": str(root / CATALOG)}, sentence, as_json)


@click.command("pack-components")
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@settings_option
def pack(out: Path, settings_file: Path) -> None:
    """Write the files of a components release.

    The checkout must be at the release's tag. DIR gets the notes and the catalog for its release page.

    \b
    Examples:
      slipway ci pack-components dist/
    """
    from slipway.commands.components.release import make_components_release

    click.echo(f"{make_components_release(settings_file.absolute().parent, out)}: files in {out}")
