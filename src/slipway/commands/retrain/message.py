"""The commit of a retrain: which type it has, going by what changed for callers, and what it says."""

from __future__ import annotations

from collections.abc import Iterator

from slipway.commands.retrain.pin import Pin
from slipway.commands.retrain.request import Wish
from slipway.contract.compatibility import LEVELS, Level, changes, required_level
from slipway.contract.schema import decode_contract
from slipway.errors import CompatibilityError, RetrainError
from slipway.reporting.sanitize import one_line
from slipway.settings.settings import CONTRACT_FILE, Settings
from slipway.versioning.commit_lint import Commit, Linter
from slipway.versioning.git.checkout import Checkout, file_at
from slipway.versioning.next_version import commits_release

REHEARSED = "Rehearsed-Model"
"""The trailer with the sha256 of the rehearsal's model file."""
_TYPES: dict[Level, str] = {"patch": "fix", "minor": "feat"}
_LONGEST_REASON = 500


def level_for(checkout: Checkout, settings: Settings) -> Level:
    """What the retrain must release: a patch, or more where the contract changed and no commit says so yet.

    Raises:
        CompatibilityError: it changed in a way that breaks callers, which a person has to say.
    """
    released = file_at(settings.root, f"refs/tags/{checkout.last_tag}", f"./{CONTRACT_FILE}")
    if not checkout.last_tag or released is None:
        return "patch"
    listed = changes(decode_contract(released.encode(), CONTRACT_FILE), settings.contract)
    needed, said = required_level(listed), commits_release(checkout.root, checkout)
    if LEVELS.index(needed) <= max(LEVELS.index(said), LEVELS.index("patch")):
        return "patch"
    if needed == "major":
        what = "; ".join(change.sentence for change in listed if change.level == "major")
        raise CompatibilityError(
            f"the contract breaks callers of {checkout.last_tag[1:]}, and no commit says so: {what}; a retrain never "
            "does that by itself, so commit the change as `feat!: ...` first; nothing was changed"
        )
    return needed


def subject(wish: Wish, settings: Settings, pin: Pin, level: Level) -> str:
    """The first line."""
    kind = f"{_TYPES[level]}(data)"
    if wish.restore:
        return f"{kind}: train {settings.name} on the data of {wish.restore.removeprefix('v')} again"
    if wish.sources and not wish.through:
        new = [source.sha256[:12] for name, source in pin.sources.items() if source != settings.data.sources[name]]
        return f"{kind}: retrain on {settings.name} data {' '.join(new)}"
    return f"{kind}: retrain on {settings.name} through {pin.through}"


def message(first: str, wish: Wish, model: str, linter: Linter) -> str:
    """The whole message: reason and parameters in the body, the rehearsal's model as a trailer.

    Raises:
        RetrainError: the reason would make another version of it.
    """
    text = "\n\n".join([first, *_body(wish), *([f"{REHEARSED}: {model}"] if model else [])])
    wanted, read = linter.read(Commit(first)), linter.read(Commit(text))
    if read.problem or read.level != wanted.level:
        raise RetrainError(
            f"with this reason the commit would release {read.level} instead of {wanted.level}: "
            f"{one_line(wish.reason)}; say it in other words; nothing was changed"
        )
    return text


def _body(wish: Wish) -> Iterator[str]:
    """Strangers' words on one line each, where no line can pass for a commit of its own."""
    if wish.reason:
        yield f"Reason: {one_line(wish.reason, _LONGEST_REASON)}"
    if wish.parameters:
        yield f"Parameters: {one_line(' '.join(wish.parameters), _LONGEST_REASON)}"
