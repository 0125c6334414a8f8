"""The commit of a retrain: its type and its words, made whole beside the checkout, pushed if asked to, and followed."""

from __future__ import annotations

import os
import tempfile
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

_BOT = ("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com")
MODEL_TRAILER = "Rehearsed-Model"
"""The trailer with the sha256 of the rehearsal's model file."""
_COMMIT_TYPES: dict[Level, str] = {"patch": "fix", "minor": "feat"}
_MAX_REASON_LENGTH = 500


def choose_level(checkout: Checkout, settings: Settings) -> Level:
    """What the retrain must release: a patch, or more where the contract changed and no commit says so yet.

    Raises:
        CompatibilityError: it changed in a way that breaks callers, which a person has to say.
    """
    released = file_at(settings.root, f"refs/tags/{checkout.last_tag}", f"./{CONTRACT_FILE}")
    if not checkout.last_tag or released is None:
        return "patch"
    listed = changes(decode_contract(released.encode(), CONTRACT_FILE), settings.contract)
    needed, said = required_bump(listed), bump_since_release(checkout.root, checkout)
    if LEVELS.index(needed) <= max(LEVELS.index(said), LEVELS.index("patch")):
        return "patch"
    if needed == "major":
        what = "; ".join(change.sentence for change in listed if change.level == "major")
        raise CompatibilityError(
            f"the contract breaks callers of {checkout.last_tag[1:]}, and no commit says so: {what}; a retrain never "
            "does that by itself, so commit the change as `feat!: ...` first; nothing was changed"
        )
    return needed


def subject(request: RetrainRequest, settings: Settings, pin: Pin, level: Level) -> str:
    """The first line."""
    kind = f"{_COMMIT_TYPES[level]}(data)"
    if request.restore:
        return f"{kind}: train {settings.name} on the data of {request.restore.removeprefix('v')} again"
    if request.sources and not request.through:
        new = [source.sha256[:12] for name, source in pin.sources.items() if source != settings.data.sources[name]]
        return f"{kind}: retrain on {settings.name} data {' '.join(new)}"
    return f"{kind}: retrain on {settings.name} through {pin.through}"


def message(subject_line: str, request: RetrainRequest, model: str, linter: Linter) -> str:
    """The whole message: reason and parameters in the body, the rehearsal's model as a trailer.

    Raises:
        RetrainError: the reason would make another version of it.
    """
    text = "\n\n".join([subject_line, *_body(request), *([f"{MODEL_TRAILER}: {model}"] if model else [])])
    wanted, read = linter.read(Commit(subject_line)), linter.read(Commit(text))
    if read.problem or read.level != wanted.level:
        raise RetrainError(
            f"with this reason the commit would release {read.level} instead of {wanted.level}: "
            f"{one_line(request.reason)}; say it in other words; nothing was changed"
        )
    return text


def _body(request: RetrainRequest) -> Iterator[str]:
    """Strangers' words on one line each, where no line can pass for a commit of its own."""
    if request.reason:
        yield f"Reason: {one_line(request.reason, _MAX_REASON_LENGTH)}"
    if request.parameters:
        yield f"Parameters: {one_line(' '.join(request.parameters), _MAX_REASON_LENGTH)}"


def create_commit(checkout: Checkout, contents: Mapping[str, Path], message: str) -> str:
    """A commit on the checkout's own with the content of ``files`` (by place in the repository); nothing names it yet.

    Raises:
        ReleaseError: git said no, as where it knows no author.
    """
    root = checkout.root
    with tempfile.TemporaryDirectory(prefix="slipway-commit-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        git(root, "read-tree", checkout.commit, extra=index)
        for place, content in contents.items():
            blob = git(root, "hash-object", "-w", f"--path={place}", "--", str(content.absolute()))
            git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{place}", extra=index)
        tree = git(root, "write-tree", extra=index)
        text = Path(folder, "message")
        text.write_text(f"{message}\n", encoding="utf-8")
        return git(root, "commit-tree", tree, "-p", checkout.commit, "-F", str(text), extra=_author(root))


def push(checkout: Checkout, commit: str) -> None:
    """Push the commit to the checkout's branch.

    Raises:
        BranchMovedError: the branch moved meanwhile.
        RetrainError: a rule of the remote refuses it.
    """
    refusal = remote.push(checkout, {remote.branch_ref(checkout): commit})
    if refusal is None:
        return
    there = refusal.refs.get(remote.branch_ref(checkout), "")
    if there != checkout.commit:
        raise BranchMovedError(
            f"{checkout.branch} moved on {REMOTE} from {checkout.commit[:7]} to {there[:7] or 'nothing'}; the pin was "
            "not pushed and nothing was changed; run the retrain again"
        )
    raise RetrainError(
        f"{REMOTE} refused the pin: {last_line(refusal.output)}; nothing was changed; a protected branch takes it as a pull "
        "request (--propose)"
    )


def push_branch(checkout: Checkout, commit: str, branch: str, settings: str) -> None:
    """Push the commit to a branch of its own; one that is there already with the same settings is left alone.

    Raises:
        RetrainError: the branch holds something else, or the remote refuses it.
    """
    place = f"refs/heads/{branch}"
    if there := remote.list_refs(checkout, place).get(place):
        git(checkout.root, "fetch", "-q", "--no-tags", REMOTE, there, extra=credentials(checkout.root))
        names = [f"{one}:{settings}" for one in (there, commit)]
        blobs = [run(checkout.root, "rev-parse", "--verify", "-q", name).stdout for name in names]
        if blobs[0] != blobs[1]:
            raise RetrainError(f"{REMOTE} has a branch {branch} with another pin; delete it first; nothing was changed")
        return
    if refusal := remote.push(checkout, {place: commit}):
        raise RetrainError(f"{REMOTE} refused the branch {branch}: {last_line(refusal.output)}; nothing was changed")


def fast_forward(checkout: Checkout, commit: str, files: Mapping[str, Path]) -> str:
    """Bring branch and files of the checkout to the commit; returns why it could not, in which case they stay."""
    here = [place for place in files if (checkout.root / place).exists()]
    # What is there as it will be, after a kill or as new data, git need not write and would not overwrite.
    return first_failure(checkout.root, ("add", "-f", "--", *here), ("merge", "-q", "--ff-only", commit))


def _author(root: Path) -> dict[str, str]:
    """GitHub's own robot, in a workflow whose checkout names nobody."""
    known = run(root, "var", "GIT_COMMITTER_IDENT").returncode == 0
    if known or os.environ.get("GITHUB_ACTIONS") != "true":
        return {}
    return {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in zip(("NAME", "EMAIL"), _BOT, strict=True)
    }
