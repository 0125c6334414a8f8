"""Fetch the components of another repository once, at the commits that components.lock pins, and extract them for a run."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from slipway.errors import BusyError, ComponentsLockError, NotFoundError, SettingsError
from slipway.pipeline.project_files import Component, component_folder, template_or_own
from slipway.reporting.progress import SILENT, Progress
from slipway.settings.settings import COMPONENTS_LOCK, LOCK_FILE, SETTINGS_FILE, STATE, Settings
from slipway.storage.locks import exclusive_lock
from slipway.versioning.git.command import git, last_line, run

_MIRROR = "components.git"
_COMMITS = "refs/slipway/commits"
"""The refs of complete commits: git writes a ref only after every object that it needs has arrived."""
_REMOTE = re.compile(r"[A-Za-z][\w+.-]*://|[^/]+:")
_FETCH_SECONDS = 600.0

Commit = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}([0-9a-f]{24})?$")]


class ComponentsLock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Content of ``components.lock``: the repository, and the commit of each version that the project uses."""

    repository: str
    commits: dict[str, Commit]


@dataclass(frozen=True)
class ComponentVersion:
    """The version of a component of another repository."""

    repository: str
    version: str
    commit: str


def versions_used(settings: Settings) -> list[str]:
    """Return the versions that the settings name; none without a components repository."""
    components = settings.components
    return sorted({components.version, *components.versions.values()} - {""})


def read_lock(root: Path) -> ComponentsLock | None:
    """Read the lock of the project at ``root``; None if there is none.

    Raises:
        ComponentsLockError: `slipway components lock` did not write it.
    """
    try:
        return msgspec.toml.decode((root / COMPONENTS_LOCK).read_bytes(), type=ComponentsLock)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ComponentsLockError(
            f"{root / COMPONENTS_LOCK} was not written by `slipway components lock`: {error}; run it again, and commit "
            "the file"
        ) from None


class Components:
    """The components of one run: the project's own, those of its components repository, and the template's.

    A version is extracted into ``folder`` when a step first needs it.
    """

    def __init__(self, settings: Settings, folder: Path, say: Progress = SILENT) -> None:
        """Fetch every version that the settings name and that is not here yet.

        Raises:
            ComponentsLockError: the lock does not pin them, or the tag of one is at another commit than the locked one.
            NotFoundError: one cannot be fetched.
        """
        self._settings, self._folder = settings, folder
        self._commits = _locked_commits(settings)
        for tag in versions_used(settings):
            _fetch_locked(settings.root, self._version(tag), say)

    def find(self, name: str) -> Component:
        """Return the component ``name``.

        Raises:
            SettingsError: it does not exist, or lacks a file.
        """
        folder, checkout, version = self._locate(name)
        # Custom classes are in the project's packages, or beside the program that trains, if it has this name.
        imports = [self._settings.root / "src"]
        with suppress(SettingsError):
            imports.append(self._locate("train")[0])
        if version is None or checkout is None:
            return Component(name, folder, tuple(imports))
        return Component(name, folder, (checkout / "src", *imports), vars(version))

    def _locate(self, name: str) -> tuple[Path, Path | None, ComponentVersion | None]:
        """Return a component's folder, and the checkout and version that it is from, if any."""
        root, components = self._settings.root, self._settings.components
        tag = components.versions.get(name, components.version)
        if not tag or (root / "components" / name / "MLproject").is_file():
            return component_folder(root, name), None, None
        checkout = self._extract(self._commits[tag])
        folder = component_folder(root, name, checkout)
        return (folder, checkout, self._version(tag)) if folder.is_relative_to(checkout) else (folder, None, None)

    def _version(self, tag: str) -> ComponentVersion:
        return ComponentVersion(self._settings.components.repository, tag, self._commits[tag])

    def _extract(self, commit: str) -> Path:
        checkout, root = self._folder / commit, self._settings.root
        if not checkout.exists():
            checkout.mkdir(parents=True)
            # Not `checkout`, which would run the user's hooks.
            read = ("-c", "core.autocrlf=false", "read-tree", "--reset", "-u", commit)
            _git(root, f"--work-tree={checkout}", *read, extra={"GIT_INDEX_FILE": f"{checkout}.index"})
            _use_environment_of(root, checkout)
        return checkout


def _locked_commits(settings: Settings) -> dict[str, str]:
    if not (used := versions_used(settings)):
        return {}
    lock, repository = read_lock(settings.root), settings.components.repository
    if lock is None:
        problem = f"{settings.root / COMPONENTS_LOCK} does not exist"
    elif lock.repository != repository:
        problem = f"{COMPONENTS_LOCK} is about {lock.repository}, but {SETTINGS_FILE} names {repository}"
    elif missing := [version for version in used if version not in lock.commits]:
        problem = f"{COMPONENTS_LOCK} has no commit of {', '.join(missing)}, which {SETTINGS_FILE} names"
    else:
        return dict(lock.commits)
    raise ComponentsLockError(f"{problem}; run `slipway components lock` and commit the file; nothing was started")


def fetch_tag(root: Path, repository: str, tag: str) -> str:
    """Fetch a tag's commit into the mirror of the project at ``root``, and return it.

    Raises:
        NotFoundError: the repository cannot be reached, or has no such tag.
        BusyError: another command has been fetching for minutes.
    """
    place = repository if _REMOTE.match(repository) else str(root / repository)
    source, copy = f"refs/tags/{tag}", f"refs/slipway/incoming/{tag}"
    with exclusive_lock(
        root / STATE / "components-fetch.lock",
        "a command that fetches components",
        busy_error=lambda other: BusyError(f"{other} is fetching components in {root}; nothing was started"),
        timeout=_FETCH_SECONDS,
    ):
        git(root, "init", "--quiet", "--bare", str(root / STATE / _MIRROR))
        done = run(root, *_mirror(root), "fetch", "-q", "--no-tags", "--depth=1", "--", place, f"+{source}:{copy}")
        if done.returncode:
            raise NotFoundError(
                f"{tag} of the components repository {repository} is not here and cannot be fetched: "
                f"{last_line(done.stderr)}; nothing was started"
            )
        commit = _git(root, "rev-parse", f"{copy}^{{commit}}")
        _git(root, "update-ref", f"{_COMMITS}/{commit}", commit)
    return commit


def list_components(root: Path, commit: str) -> list[str]:
    """Return the names of the components of a fetched commit."""
    listed = run(root, *_mirror(root), "ls-tree", "-d", "--name-only", f"{commit}:components")
    return listed.stdout.split()


def read_fetched(root: Path, commit: str, path: str) -> str:
    """Return a file of a fetched commit; the empty string if it has no such file."""
    return run(root, *_mirror(root), "cat-file", "blob", f"{commit}:{path}").stdout


def describe_moved_tag(repository: str, tag: str, locked: str, found: str) -> str:
    """Describe a tag that is no longer at the locked commit."""
    return (
        f"the tag {tag} of the components repository {repository} was moved: {COMPONENTS_LOCK} has the commit {locked}, "
        f"and the tag is at {found} now"
    )


def _fetch_locked(root: Path, version: ComponentVersion, say: Progress) -> None:
    """Fetch a locked commit, unless it is here already."""
    if not run(root, *_mirror(root), "rev-parse", "-q", "--verify", f"{_COMMITS}/{version.commit}").returncode:
        return
    with say.heartbeat(f"fetching {version.version} of {version.repository}"):
        found = fetch_tag(root, version.repository, version.version)
    if found != version.commit:
        moved = describe_moved_tag(version.repository, version.version, version.commit, found)
        raise ComponentsLockError(
            f"{moved}; a released version must never change, so use another version, or ask the owners of the "
            "repository to move the tag back; nothing was started"
        )


def _use_environment_of(root: Path, checkout: Path) -> None:
    """Let `mlflow run` create the project's environment for these components, and let them import its modules."""
    folder = checkout / "components"
    if not folder.is_dir():
        return
    links = {folder / name: template_or_own(root, Path("components", name)) for name in ("python_env.yaml", LOCK_FILE)}
    links |= {folder / "vendor": root / "vendor"}
    for name in (LOCK_FILE, "vendor"):
        links |= {project.with_name(name): folder / name for project in folder.glob("*/MLproject")}
    if not (checkout / "src").exists():
        links[checkout / "src"] = root / "src"
    for link, place in links.items():
        if place.exists() and not link.is_dir():
            link.unlink(missing_ok=True)
            link.symlink_to(place)


def _mirror(root: Path) -> tuple[str, ...]:
    return (f"--git-dir={root / STATE / _MIRROR}",)


def _git(root: Path, *arguments: str, extra: dict[str, str] | None = None) -> str:
    return git(root, *_mirror(root), *arguments, extra=extra)
