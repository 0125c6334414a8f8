"""Show what a branch that moves the version of a component does to the model: the gate's comparison with the champion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from slipway.bundle.verdict import verdict_table
from slipway.commands.rehearse import Baselines, Rehearsal, open_baselines, train_and_judge
from slipway.errors import SettingsError
from slipway.pipeline.component_repository import ComponentsLock, read_lock
from slipway.reporting.markdown import table
from slipway.reporting.progress import Progress
from slipway.reporting.sanitize import code_span, escape_markdown
from slipway.settings.settings import COMPONENTS_LOCK, Settings, parse_settings
from slipway.versioning.checkout_version import version_of
from slipway.versioning.git.checkout import checkout_at, file_at

_ALL = "all others"
Moves = list[tuple[str, str, str]]
"""A component, or all for which no other version is set, with its version and commit before and now."""


def find_moves(settings: Settings, base: str) -> Moves:
    """Return which versions of components differ from those at the commit ``base``, by default the last release.

    Raises:
        ReleaseError: this is not a git repository.
    """
    before = _versions_at(settings, base or checkout_at(settings.root).last_tag or "HEAD")
    now = _versions(settings, read_lock(settings.root))
    changed = (name for name in sorted({*before, *now}) if before.get(name) != now.get(name))
    return [(name, before.get(name, before.get(_ALL, "")), now.get(name, now.get(_ALL, ""))) for name in changed]


def compare_components(settings: Settings, *, github: bool, progress: Progress) -> Rehearsal:
    """Train with the versions of this branch, and evaluate the candidate against the champion.

    Raises:
        SlipwayError: training or evaluation failed.
    """
    with _open_champion(settings, github) as baselines:
        return train_and_judge(settings, version_of(settings.root).text, baselines, progress=progress)


def comparison_text(moves: Moves, judged: Rehearsal) -> str:
    """Return the moves and the verdict as Markdown."""
    rows = [(code_span(name), code_span(before) or "none", code_span(now) or "none") for name, before, now in moves]
    return "\n\n".join(
        [
            "## Components that this branch moves",
            table(("component", "before", "now"), rows),
            f"{escape_markdown(judged.verdict_text)}.",
            verdict_table(judged.verdict),
        ]
    )


@contextmanager
def _open_champion(settings: Settings, github: bool) -> Iterator[Baselines]:
    if not github:
        with open_baselines(settings) as baselines:
            yield baselines
        return
    from slipway.github.client import connect
    from slipway.github.download import fetch_bundle
    from slipway.github.releases import latest_release

    # Only the champion: the champions before it are in GitHub's deployments, which a pull request need not read.
    page = latest_release(connect())
    with TemporaryDirectory(prefix="slipway-champion-") as folder:
        yield (fetch_bundle(page, Path(folder))[0] if page else None), ()


def _versions_at(settings: Settings, revision: str) -> dict[str, str]:
    text = file_at(settings.root, revision, f"./{settings.source.file}")
    lock = file_at(settings.root, revision, f"./{COMPONENTS_LOCK}")
    try:
        earlier = parse_settings(text or "", settings.root / settings.source.file)
        return _versions(earlier, msgspec.toml.decode(lock, type=ComponentsLock) if lock else None)
    except (SettingsError, msgspec.DecodeError):
        return {}  # what cannot be read had no components


def _versions(settings: Settings, lock: ComponentsLock | None) -> dict[str, str]:
    components, commits = settings.components, lock.commits if lock else {}
    named = {_ALL: components.version, **components.versions} if components.repository else {}
    return {name: f"{version} {commits.get(version, '')}".strip() for name, version in named.items()}
