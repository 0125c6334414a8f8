"""The main job: run, gate, seal, roll out and prove, register."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from slipway.bundle.release_file import Bundle
from slipway.bundle.seal import seal
from slipway.bundle.signature import Trust, check_can_sign, signed_here
from slipway.bundle.verdict import Verdict, prose
from slipway.errors import SlipwayError, VersionError
from slipway.gate.judge import judge
from slipway.gate.policy import policy_of
from slipway.pipeline import run as pipeline
from slipway.pipeline.candidate import Candidate
from slipway.reporting.progress import Say
from slipway.rollout import rollout
from slipway.rollout.registry_mirror import mirror
from slipway.settings.settings import Settings
from slipway.settings.state_folder import bundles, ship_lock
from slipway.storage import atomic
from slipway.storage.digests import file_digest
from slipway.target.journal import whoami
from slipway.target.target import Target, recent_champions, target_of, trust_of
from slipway.target.transaction import settle
from slipway.target.version_order import check_may_follow
from slipway.versioning.checkout_version import Version, version_of


@dataclass(frozen=True)
class Shipped:
    """How a ship ended: ``champion`` (and its ``digest``) is what serves now, whatever the verdict."""

    release: str
    verdict: Verdict | None
    champion: str | None
    digest: str | None = None
    problem: SlipwayError | None = None
    candidate: Candidate | None = None
    said: str = ""
    """The verdict in words, as things stood when it was given."""


def ship(
    settings: Settings, *, overrides: Sequence[str] = (), cache: bool = True, env_manager: str = "local", say: Say
) -> Shipped:
    """Take the checkout's model to the target, or say why not.

    Raises:
        BusyError: another ship runs here.
        SlipwayError: whatever stopped it; the champion is the one it was.
    """
    policy, into = policy_of(settings), bundles(settings)
    read_version = partial(version_of, settings.root, overridden=bool(overrides))
    with ship_lock(settings):
        atomic.sweep(into)
        version, target = read_version(), target_of(settings)
        _check_ready(target, version, trust_of(settings), settings.target.allow_prerelease)
        candidate = pipeline.run(settings, overrides=overrides, cache=cache, env_manager=env_manager, say=say)
        _check_unmoved(settings.root, version, read_version())
        champion = target.champion()
        name, digest = (champion.release.version, champion.digest) if champion else (None, None)
        done = Shipped(version.text, None, name, digest, candidate=candidate)
        if champion and _is(champion, candidate, version):
            say(f"{version.text} is the champion already; proving it again")
            return _publish(settings, target, champion, done, say)
        with say.timed("gate"):
            verdict = judge(candidate, champion, recent_champions(target), policy)
        done = replace(done, verdict=verdict, said=prose(verdict, version.text, done.champion))
        if verdict.verdict == "refuse":
            return done
        with say.timed("seal"):
            name, lock = settings.name, settings.lock_digest
            bundle = seal(candidate, version.text, version.commit, verdict, name=name, lock_digest=lock, into=into)
        return _publish(settings, target, bundle, done, say)


def _check_ready(target: Target, version: Version, trust: Trust, allow_prerelease: bool) -> None:
    """Settle what was interrupted, and refuse now what no training could make fit."""
    check_can_sign(trust)
    if target.path.exists():
        settle(target, who=whoami())
    target.champion()
    check_may_follow(target, version.text, allow_prerelease=allow_prerelease)


def _check_unmoved(root: Path, version: Version, now: Version) -> None:
    if now != version:
        raise VersionError(
            f"{root} was {version.text} when its training began and is {now.text} now, so the model has no "
            "one version; nothing was sealed; ship again"
        )


def _publish(settings: Settings, target: Target, bundle: Bundle, done: Shipped, say: Say) -> Shipped:
    with say.timed("roll out"):
        rollout.roll_out(
            target,
            bundle.path,
            who=whoami(),
            reason="ship",
            allow_prerelease=settings.target.allow_prerelease,
            vouch=partial(signed_here, trust=trust_of(settings)),
        )
    problem: SlipwayError | None = None
    try:
        with say.timed("register"):
            mirror(settings, target)
    except SlipwayError as error:
        problem = error
    return replace(done, champion=bundle.release.version, digest=bundle.digest, problem=problem)


def _is(champion: Bundle, candidate: Candidate, version: Version) -> bool:
    """Whether the champion is this version of these very model files."""
    files = {p.relative_to(candidate.model).as_posix(): p for p in candidate.model.rglob("*") if p.is_file()}
    sealed = champion.release.files
    return champion.release.version == version.text and all(
        sealed.get(name) == file_digest(path) for name, path in files.items()
    )
