"""Write the commit message of a retrain, push its commit on request, and update the checkout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from slipway.commands.retrain.pin import Pin, RetrainRequest
from slipway.contract.compatibility import LEVELS, Level, changes, required_bump
from slipway.contract.schema import decode_contract
from slipway.errors import BranchMovedError, CompatibilityError, RetrainError
from slipway.reporting.sanitize import one_line
from slipway.settings.settings import CONTRACT_FILE, Settings
from slipway.versioning.commit_lint import Commit, Linter
from slipway.versioning.git import remote
from slipway.versioning.git.checkout import Checkout, file_at
from slipway.versioning.git.command import REMOTE, credentials, first_failure, git, last_line, run
from slipway.versioning.next_version import bump_since_release

MODEL_TRAILER = "Rehearsed-Model"
"""The commit trailer with the sha256 of the model file from the trial run."""
_COMMIT_TYPES: dict[Level, str] = {"patch": "fix", "minor": "feat"}
_MAX_REASON_LENGTH = 500


def choose_level(checkout: Checkout, settings: Settings) -> Level:
    """Return what the retrain must release: a patch, or more if the contract changed and no earlier commit covers it.

    Raises:
        CompatibilityError: the contract change breaks callers; only a person can release that.
    """
    released = file_at(settings.root, f"refs/tags/{checkout.last_tag}", f"./{CONTRACT_FILE}")
    if not checkout.last_tag or released is None:
        return "patch"
    listed = changes(decode_contract(released.encode(), CONTRACT_FILE), settings.contract)
    needed, pending = required_bump(listed), bump_since_release(checkout.root, checkout)
    if LEVELS.index(needed) <= max(LEVELS.index(pending), LEVELS.index("patch")):
        return "patch"
    if needed == "major":
        what = "; ".join(change.sentence for change in listed if change.level == "major")
        raise CompatibilityError(
            f"the contract breaks callers of {checkout.last_tag[1:]}, and no commit announces it: {what}; a retrain never "
            "does that on its own, so commit the change as `feat!: ...` first; nothing was changed"
        )
    return needed


def subject(request: RetrainRequest, settings: Settings, pin: Pin, level: Level) -> str:
    """Return the first line of the commit message."""
    kind = f"{_COMMIT_TYPES[level]}(data)"
    if request.restore:
        return f"{kind}: train {settings.name} on the data of {request.restore.removeprefix('v')} again"
    if request.sources and not request.through:
        new = [source.sha256[:12] for name, source in pin.sources.items() if source != settings.data.sources[name]]
        return f"{kind}: retrain on {settings.name} data {' '.join(new)}"
    return f"{kind}: retrain on {settings.name} through {pin.through}"


def message(subject_line: str, request: RetrainRequest, model: str, linter: Linter) -> str:
    """Return the complete message: reason and parameters in the body, the trial run's model as a trailer.

    Raises:
        RetrainError: the reason would change the version bump.
    """
    text = "\n\n".join([subject_line, *_body(request), *([f"{MODEL_TRAILER}: {model}"] if model else [])])
    wanted, read = linter.read(Commit(subject_line)), linter.read(Commit(text))
    if read.problem or read.level != wanted.level:
        raise RetrainError(
            f"with this reason the commit would release {read.level} instead of {wanted.level}: "
            f"{one_line(request.reason)}; rephrase the reason; nothing was changed"
        )
    return text


def _body(request: RetrainRequest) -> Iterator[str]:
    """Yield the paragraphs of the body, each on one line, so that no part can act as another commit message or footer."""
    if request.reason:
        yield f"Reason: {one_line(request.reason, _MAX_REASON_LENGTH)}"
    if request.parameters:
        yield f"Parameters: {one_line(' '.join(request.parameters), _MAX_REASON_LENGTH)}"


def push(checkout: Checkout, commit: str) -> None:
    """Push the commit to the checkout's branch.

    Raises:
        BranchMovedError: the branch moved in the meantime.
        RetrainError: a rule of the remote rejects the push.
    """
    refusal = remote.push(checkout, {remote.branch_ref(checkout): commit})
    if refusal is None:
        return
    remote_commit = refusal.refs.get(remote.branch_ref(checkout), "")
    if remote_commit != checkout.commit:
        raise BranchMovedError(
            f"{checkout.branch} moved on {REMOTE} from {checkout.commit[:7]} to {remote_commit[:7] or 'nothing'}; the data "
            "pin was not pushed and nothing was changed; run the retrain again"
        )
    raise RetrainError(
        f"{REMOTE} rejected the data pin: {last_line(refusal.output)}; nothing was changed; for a protected branch, open a "
        "pull request with --propose"
    )


def push_branch(checkout: Checkout, commit: str, branch: str, file: str, *, what: str = "data pin") -> None:
    """Push the commit to a new branch; an existing branch with the same content of ``file`` is left as it is.

    Raises:
        RetrainError: the branch exists with another content, or the remote rejects the push.
    """
    ref = f"refs/heads/{branch}"
    if existing := remote.list_refs(checkout, ref).get(ref):
        git(checkout.root, "fetch", "-q", "--no-tags", REMOTE, existing, extra=credentials(checkout.root))
        names = [f"{revision}:{file}" for revision in (existing, commit)]
        blobs = [run(checkout.root, "rev-parse", "--verify", "-q", name).stdout for name in names]
        if blobs[0] != blobs[1]:
            raise RetrainError(
                f"{REMOTE} already has a branch {branch} with another {what}; delete it first; nothing was changed"
            )
        return
    if refusal := remote.push(checkout, {ref: commit}):
        raise RetrainError(f"{REMOTE} rejected the branch {branch}: {last_line(refusal.output)}; nothing was changed")


def fast_forward(checkout: Checkout, commit: str, files: Mapping[str, Path]) -> str:
    """Move branch and files of the checkout to the commit; return why that failed (nothing changed then), or ""."""
    existing = [path for path in files if (checkout.root / path).exists()]
    # Git refuses to overwrite untracked or changed files, even with the same content: new data, or what a killed retrain
    # wrote. Once they are staged, it accepts them.
    return first_failure(checkout.root, ("add", "-f", "--", *existing), ("merge", "-q", "--ff-only", commit))
