"""The main job: run the pipeline, check the gate, seal, roll out, verify and register."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from slipway.bundle.release_file import Bundle
from slipway.bundle.seal import seal
from slipway.bundle.signature import Trust, check_can_sign, sign_and_check
from slipway.bundle.verdict import Verdict, verdict_sentence
from slipway.commands.history.refusals import record_refusal
from slipway.errors import SlipwayError, VersionError
from slipway.gate.judge import judge
from slipway.gate.policy import policy_of
from slipway.pipeline import run as pipeline
from slipway.pipeline.candidate import Candidate
from slipway.reporting.progress import Progress
from slipway.rollout import rollout
from slipway.rollout.registry_mirror import sync_registry
from slipway.settings.settings import Settings
from slipway.settings.state_folder import bundles_folder, ship_lock
from slipway.storage import atomic
from slipway.storage.digests import file_digest
from slipway.target.journal import current_actor
from slipway.target.target import Target, recent_champions, target_of, trust_of
from slipway.target.transaction import settle
from slipway.target.version_order import check_may_follow
from slipway.versioning.checkout_version import Version, version_of
from slipway.versioning.git.checkout import list_changes


@dataclass(frozen=True)
class ShipResult:
    """Result of a ship; ``champion`` and its ``digest`` are those that are live afterwards, whatever the verdict."""

    release: str
    verdict: Verdict | None
    champion: str | None
    digest: str | None = None
    registry_error: SlipwayError | None = None
    candidate: Candidate | None = None
    verdict_text: str = ""
    """The verdict as a sentence, with the champion at the time of the verdict."""


def ship(
    settings: Settings,
    *,
    overrides: Sequence[str] = (),
    cache: bool = True,
    env_manager: str = "local",
    progress: Progress,
) -> ShipResult:
    """Train the checkout's model and roll it out to the target if the gate passes it.

    Raises:
        BusyError: another ship is running in this checkout.
        SlipwayError: the reason that stopped it; the champion is unchanged.
    """
    policy, into = policy_of(settings), bundles_folder(settings)
    read_version = partial(version_of, settings.root, overridden=bool(overrides))
    with ship_lock(settings):
        atomic.sweep(into)
        version, target = read_version(), target_of(settings)
        _check_ready(target, version, trust_of(settings), settings.target.allow_prerelease)
        if version.dirty:
            progress(_warn_about_changes(settings.root, version, overrides))
        candidate = pipeline.run(settings, overrides=overrides, cache=cache, env_manager=env_manager, say=progress)
        _check_same_version(settings.root, version, read_version())
        champion = target.champion()
        name, digest = (champion.release.version, champion.digest) if champion else (None, None)
        done = ShipResult(version.text, None, name, digest, candidate=candidate)
        if champion and _is_same_model(champion, candidate, version):
            progress(f"{version.text} is already the champion; verifying it again")
            return _publish(settings, target, champion, done, progress)
        with progress.step_timer("gate"):
            verdict = judge(candidate, champion, recent_champions(target), policy)
        done = replace(done, verdict=verdict, verdict_text=verdict_sentence(verdict, version.text, done.champion))
        if verdict.verdict == "refuse":
            record_refusal(settings, version.text, verdict, candidate.scores, name)
            return done
        with progress.step_timer("seal"):
            name, lock = settings.name, settings.lock_digest
            bundle = seal(candidate, version.text, version.commit, verdict, name=name, lock_digest=lock, into=into)
        return _publish(settings, target, bundle, done, progress)


def _check_ready(target: Target, version: Version, trust: Trust, allow_prerelease: bool) -> None:
    """Undo interrupted commands, and refuse, before any training, a release that the target would reject."""
    check_can_sign(trust)
    if target.path.exists():
        settle(target, who=current_actor())
    target.champion()
    check_may_follow(target, version.text, allow_prerelease=allow_prerelease)


def _warn_about_changes(root: Path, version: Version, overrides: Sequence[str]) -> str:
    """Return a warning that no commit contains what is shipped, with the names of the changes."""
    names = list_changes(root)
    changes = [f"uncommitted changes in {names}"] * bool(names) + [f"--set {given}" for given in overrides]
    return f"warning: {version.text} is not a release that can be reproduced: it includes {' and '.join(changes)}"


def _check_same_version(root: Path, version: Version, current: Version) -> None:
    if current != version:
        raise VersionError(
            f"{root} changed during training: it was {version.text} at the start and is {current.text} now, so the model "
            "matches neither version; nothing was sealed; run `slipway ship` again"
        )


def _publish(settings: Settings, target: Target, bundle: Bundle, result: ShipResult, progress: Progress) -> ShipResult:
    with progress.step_timer("roll out"):
        rollout.roll_out(
            target,
            bundle.path,
            who=current_actor(),
            reason="ship",
            allow_prerelease=settings.target.allow_prerelease,
            check_signature=partial(sign_and_check, trust=trust_of(settings)),
        )
    problem: SlipwayError | None = None
    try:
        with progress.step_timer("register"):
            sync_registry(settings, target)
    except SlipwayError as error:
        problem = error
    return replace(result, champion=bundle.release.version, digest=bundle.digest, registry_error=problem)


def _is_same_model(champion: Bundle, candidate: Candidate, version: Version) -> bool:
    """Whether the champion has this version and the same model files as the candidate."""
    files = {p.relative_to(candidate.model).as_posix(): p for p in candidate.model.rglob("*") if p.is_file()}
    sealed = champion.release.files
    return champion.release.version == version.text and all(
        sealed.get(name) == file_digest(path) for name, path in files.items()
    )
