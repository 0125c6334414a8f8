"""Every way Slipway can say no, with its exit code. The table in docs/reference.md is checked against this file."""

from __future__ import annotations

from typing import ClassVar


class SlipwayError(Exception):
    """A whole sentence for the user: what is wrong, both numbers, and the state of the world."""

    exit_code: ClassVar[int] = 1


class SettingsError(SlipwayError):
    """`slipway.toml` or an option has an unknown name, a wrong type or values that contradict each other."""

    exit_code = 3


class DataError(SlipwayError):
    """A data file is missing, empty, truncated or unreadable, or it lacks a column, rows or a class."""

    exit_code = 4


class DataChangedError(SlipwayError):
    """The bytes of a data file are not the ones that the data pin names."""

    exit_code = 5


class ContractError(SlipwayError):
    """`contract.json` and the settings, or a row and the contract, do not agree."""

    exit_code = 6


class ValidationError(SlipwayError):
    """The training data broke an expectation."""

    exit_code = 7


class ComponentError(SlipwayError):
    """A component raised or was killed; the message names it and its log."""

    exit_code = 8


class GateRefused(SlipwayError):
    """The gate refused the candidate; the champion has not moved."""

    exit_code = 9


class BundleError(SlipwayError):
    """A bundle's bytes are not the ones that were sealed, or it cannot be loaded."""

    exit_code = 10


class RolloutError(SlipwayError):
    """A rollout failed its proof, or its order is wrong; the target is back where it was."""

    exit_code = 11


class HeldError(SlipwayError):
    """Automatic rollouts are held since a rollback; `slipway resume` lifts the hold."""

    exit_code = 12


class BusyError(SlipwayError):
    """Another command holds the lock that this one needs."""

    exit_code = 13


class StorageError(SlipwayError):
    """The disk is full or a folder cannot be written; nothing half-written was left."""

    exit_code = 14


class RegistrySyncError(SlipwayError):
    """The rollout is done and proved, but the registry could not be told; `slipway doctor` pays it later."""

    exit_code = 15


class NotFoundError(SlipwayError):
    """There is no such release, champion, file or server."""

    exit_code = 16


class VersionError(SlipwayError):
    """No version can be given to this checkout."""

    exit_code = 17


class TrackingError(SlipwayError):
    """MLflow cannot be reached, so no run could be recorded; nothing was started."""

    exit_code = 18


class InconsistentStateError(SlipwayError):
    """`slipway doctor` found what it may not mend itself; each finding names the command that does."""

    exit_code = 19


class SuspiciousPredictionsError(SlipwayError):
    """Predictions are null, all the same or far from the reference, under `--on-odd fail`; no dataset was published."""

    exit_code = 20


class DriftError(SlipwayError):
    """The rows or the predictions have moved away from the reference, or the live metric misses a bar of the gate."""

    exit_code = 21


class SparkError(SlipwayError):
    """pyspark or Java is missing, or Spark or one of its executors failed; no dataset was published."""

    exit_code = 22


class GitHubError(SlipwayError):
    """GitHub refused a request or could not be reached; running the command again is safe."""

    exit_code = 30

    def __init__(self, message: str, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class SignatureError(SlipwayError):
    """A bundle is not signed by one whom `[trust]` names; the champion has not moved."""

    exit_code = 31


class CommitsError(SlipwayError):
    """A commit message or title has a type that the table does not know, or no type at all."""

    exit_code = 40


class CompatibilityError(SlipwayError):
    """The next version is too small a step for what changed in the contract."""

    exit_code = 41


class ReleaseError(SlipwayError):
    """No version could be released; nothing was changed here or on the remote."""

    exit_code = 42


class BranchMovedError(SlipwayError):
    """The branch moved during the release; nothing was changed, and running it again is right."""

    exit_code = 43


class InitError(SlipwayError):
    """`slipway init` found work that it would overwrite; nothing was changed."""

    exit_code = 44


class RetrainError(SlipwayError):
    """The data pin could not be moved: the checkout, the date or an earlier pin stands in the way; nothing was changed."""

    exit_code = 45


class StoppedError(SlipwayError):
    """Ctrl-C or a signal stopped the command; the processes that it had started ended with it."""

    exit_code = 130


ERRORS: tuple[type[SlipwayError], ...] = tuple(SlipwayError.__subclasses__())


def error_for(exit_code: int) -> type[SlipwayError] | None:
    """The error class that a process which ended with this code had raised, if it was one of ours."""
    return next((error for error in ERRORS if error.exit_code == exit_code), None)
