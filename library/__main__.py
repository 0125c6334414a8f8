"""`python -m library release|build|page`: the commands of library.yml."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from library.next_version import CHANGELOG, read_notes
from library.packages import build_packages
from library.page import publish_page
from library.release import release_library
from slipway.errors import SlipwayError
from slipway.github.client import connect, retry
from slipway.github.workflows import write_outputs, write_summary
from slipway.storage.digests import file_digest
from slipway.versioning.library_wheel import LIBRARY_TAG

_ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run one command; an error is a sentence on stderr and an exit code."""
    arguments = vars(_parser().parse_args())
    try:
        arguments.pop("command")(**arguments)
    except SlipwayError as error:
        print(f"library: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def release(dry_run: bool) -> None:
    """Set the version, update the changelog, commit, tag and push."""
    done = release_library(_ROOT, dry_run=dry_run)
    write_outputs(tag=done.tag)
    write_summary(f"{done.sentence}\n\n{done.notes}")
    print(f"{done.sentence}\n\n{done.notes}".rstrip())


def build(tag: str, folder: Path) -> None:
    """Build the packages of the tag that is checked out."""
    for path in build_packages(_ROOT, tag, folder):
        print(f"{file_digest(path)}  {path.name}")


def page(tag: str, folder: Path) -> None:
    """Publish the packages on GitHub."""
    notes = read_notes((_ROOT / CHANGELOG).read_text(encoding="utf-8"), tag.removeprefix(LIBRARY_TAG))
    repository = connect()
    retry(lambda: publish_page(repository, tag, folder, notes, print), print)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m library", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("release", help=release.__doc__)
    command.set_defaults(command=release)
    command.add_argument("--dry-run", action="store_true", help="Only print what would be released.")
    for run in (build, page):
        command = commands.add_parser(run.__name__, help=run.__doc__)
        command.set_defaults(command=run)
        command.add_argument("--tag", required=True, help="The library's tag, slipway-ml-vX.Y.Z.")
        command.add_argument("folder", type=Path, help="The folder of the packages.")
    return parser


if __name__ == "__main__":
    main()
