"""The main job: run, gate, seal, roll out and prove, register."""

from __future__ import annotations

import fcntl
import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy import rollout
from deploy.bundle import Bundle, file_digest, verify
from deploy.gate import judge
from deploy.policy import GatePolicy, check_policy
from deploy.registry import mirror
from deploy.seal import seal
from deploy.signature import Trust
from deploy.target import Target, path_of
from deploy.verdict import Verdict, prose
from deploy.version import Version, version_of
from pipeline import steps
from pipeline.cache import file_digest as digest_of
from pipeline.candidate import Candidate
from pipeline.errors import BusyError, SlipwayError
from pipeline.flow import Say
from pipeline.settings import Settings

STATE = ".slipway"
LOCK_FILE = "requirements.lock"
_RECENT = 3


@dataclass(frozen=True)
class Shipped:
    """How a ship ended: ``champion`` is what serves now, whatever the verdict."""

    release: str
    verdict: Verdict | None
    champion: str | None
    problem: SlipwayError | None = None


def ship(
    settings: Settings, *, overrides: Sequence[str] = (), cache: bool = True, env_manager: str = "local", say: Say
) -> Shipped:
    """Take the checkout's model to the target, or say why not.

    Raises:
        BusyError: another ship runs here.
        SlipwayError: whatever stopped it; the champion is the one it was.
    """
    policy = policy_of(settings)
    with _only_one(settings.root / STATE):
        candidate = steps.run(settings, overrides=overrides, cache=cache, env_manager=env_manager, say=say)
        version = version_of(settings.root, overridden=bool(overrides))
        target = target_of(settings)
        if target.path.exists():
            rollout.settle(target)
        champion = target.champion()
        if champion and _is(champion, candidate, version):
            say(f"{version.text} is the champion already; proving it again")
            return _published(settings, target, champion, None, say)
        verdict = judge(candidate, champion, _recent(target), policy)
        say(prose(verdict, version.text, champion.release.version if champion else None))
        if verdict.verdict == "refuse":
            return Shipped(version.text, verdict, champion.release.version if champion else None)
        bundle = _sealed(settings, candidate, version, verdict)
        return _published(settings, target, bundle, verdict, say)


def target_of(settings: Settings) -> Target:
    """The place that serves."""
    return Target(path_of(settings))


def trust_of(settings: Settings) -> Trust:
    """Whose signature a bundle must carry, with the key's path from where the settings stand."""
    trust = settings.trust
    return Trust(trust.public_key and settings.root / trust.public_key, trust.identity, trust.issuer)


def policy_of(settings: Settings) -> GatePolicy:
    """The settings' gate with the data columns that it judges by.

    Raises:
        SettingsError: it names an unknown metric or rule, or sets a bound that refuses nothing.
    """
    data, gate = settings.data, settings.gate
    policy = GatePolicy(
        target=data.target,
        time=data.time,
        seed=settings.train.seed,
        **{**gate.model_dump(), "block": gate.block or "row"},
    )
    check_policy(policy, settings.contract)
    return policy


def whoami() -> str:
    """The person or workflow behind this command, for the journal."""
    return os.environ.get("GITHUB_ACTOR") or getpass.getuser()


def _sealed(settings: Settings, candidate: Candidate, version: Version, verdict: Verdict) -> Bundle:
    lock = settings.root / LOCK_FILE
    return seal(
        candidate,
        version,
        verdict,
        name=settings.name,
        lock_digest=digest_of(lock) if lock.is_file() else "",
        into=settings.root / STATE / "bundles",
    )


def _published(settings: Settings, target: Target, bundle: Bundle, verdict: Verdict | None, say: Say) -> Shipped:
    rollout.roll_out(
        target, bundle.path, who=whoami(), reason="ship", allow_prerelease=settings.target.allow_prerelease
    )
    say(f"{bundle.release.version} serves batch and real time at {target}, proved by prediction")
    problem: SlipwayError | None = None
    try:
        mirror(settings, bundle)
    except SlipwayError as error:
        problem = error
    return Shipped(bundle.release.version, verdict, bundle.release.version, problem)


def _is(champion: Bundle, candidate: Candidate, version: Version) -> bool:
    """Whether the champion is this version of these very model files."""
    files = {p.relative_to(candidate.model).as_posix(): p for p in candidate.model.rglob("*") if p.is_file()}
    sealed = champion.release.files
    return champion.release.version == version.text and all(
        sealed.get(name) == file_digest(path) for name, path in files.items()
    )


def _recent(target: Target) -> list[Bundle]:
    """The last champions that are still here and were never marked bad, newest first."""
    bad, here, folders = target.bad_releases(), target.releases(), dict.fromkeys(
        entry.folder for entry in reversed(target.past_champions()) if entry.folder
    )  # fmt: skip
    kept = [folder for folder in folders if folder in here and folder not in bad and folder != target.champion_folder()]
    return [verify(target.release(folder)) for folder in kept[:_RECENT]]


@contextmanager
def _only_one(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True)
    with (state / "ship.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another `slipway ship` runs in {state.parent}; nothing was started") from None
        yield
