"""Define every error that a command reports, with its exit code; a test compares docs/reference.md with this file."""

from __future__ import annotations

from typing import ClassVar


class SlipwayError(Exception):
    """Base class; the message names what is wrong, with the numbers involved, and what was or was not changed."""

    # Scripts and workflows compare these codes, so a code is never reused or changed. 2 is click's, for usage errors.
    exit_code: ClassVar[int] = 1


class SettingsError(SlipwayError):
    """`slipway.toml` or an option has an unknown name, a wrong type or values that contradict each other."""

    exit_code = 3


class DataError(SlipwayError):
    """A data file is missing, empty, truncated or unreadable, or it lacks a column, rows or a class."""

    exit_code = 4


class DataChangedError(SlipwayError):
    """The SHA-256 of a data file differs from the one in the data pin."""

    exit_code = 5


class ContractError(SlipwayError):
    """`contract.json` disagrees with the settings, or a row violates the contract."""

    exit_code = 6


class ValidationError(SlipwayError):
    """The training data failed an expectation in `[validate]`."""

    exit_code = 7


class ComponentError(SlipwayError):
    """A component failed or was killed; the message names the component and its log."""

    exit_code = 8


class GateRefused(SlipwayError):
    """The gate refused the candidate; the champion is unchanged."""

    exit_code = 9


class BundleError(SlipwayError):
    """A bundle's files differ from the sealed ones, or the bundle cannot be loaded."""

    exit_code = 10


class RolloutError(SlipwayError):
    """A rollout failed verification or was out of order; the target serves the same release as before."""

    exit_code = 11


class HeldError(SlipwayError):
    """Automatic rollouts are on hold after a rollback; `slipway resume` lifts the hold."""

    exit_code = 12


class BusyError(SlipwayError):
    """Another command holds the lock that this one needs."""

    exit_code = 13


class StorageError(SlipwayError):
    """The disk is full or a folder cannot be written; no partial file was left."""

    exit_code = 14


class RegistrySyncError(SlipwayError):
    """The rollout succeeded, but the registry could not be updated; `slipway doctor` updates it later."""

    exit_code = 15


class NotFoundError(SlipwayError):
    """The release, champion, file or server does not exist."""

    exit_code = 16


class VersionError(SlipwayError):
    """The version of this checkout cannot be determined."""

    exit_code = 17


class TrackingError(SlipwayError):
    """MLflow cannot be reached, so no run could be recorded; nothing was started."""

    exit_code = 18


class InconsistentStateError(SlipwayError):
    """`slipway doctor` found something that it cannot fix safely; each finding names the command to run."""

    exit_code = 19


class SuspiciousPredictionsError(SlipwayError):
    """With `--on-anomaly fail`: predictions are null, constant or far from the reference; no dataset was published."""

    exit_code = 20


class DriftError(SlipwayError):
    """The rows or the predictions have drifted from the reference, or the live metric violates a limit of the gate."""

    exit_code = 21


class SparkError(SlipwayError):
    """pyspark or Java is missing, or Spark or one of its executors failed; no dataset was published."""

    exit_code = 22


class MissingExtraError(SlipwayError):
    """The command needs packages of an extra that is not installed; the message has the command that installs it."""

    exit_code = 23


class GitHubError(SlipwayError):
    """GitHub refused a request or could not be reached; running the command again is safe."""

    exit_code = 30

    def __init__(self, message: str, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class SignatureError(SlipwayError):
    """A bundle is not signed by anyone named in `[trust]`; the champion is unchanged."""

    exit_code = 31


class VulnerabilityError(SlipwayError):
    """A locked package has a known vulnerability, or an exception for one has expired."""

    exit_code = 32


class CommitsError(SlipwayError):
    """A commit message or title has an unknown type, or no type at all."""

    exit_code = 40


class CompatibilityError(SlipwayError):
    """The next version is too small a bump for the changes to the contract."""

    exit_code = 41


class ReleaseError(SlipwayError):
    """No version could be released; nothing was changed here or on the remote."""

    exit_code = 42


class BranchMovedError(SlipwayError):
    """The branch moved during the release; nothing was changed, and it is safe to run the command again."""

    exit_code = 43


class InitError(SlipwayError):
    """A project cannot be made: work would be overwritten, or its packages cannot be resolved; nothing was changed."""

    exit_code = 44


class RetrainError(SlipwayError):
    """The checkout, the date or an earlier pin prevents an update of the data pin; nothing was changed."""

    exit_code = 45


class UpgradeError(SlipwayError):
    """`slipway upgrade` found no newer version, or the project cannot work with it yet; the checkout is unchanged."""

    exit_code = 46


class UpgradeConflict(SlipwayError):
    """The user's changes and those of the new version touch the same lines; the checkout is unchanged."""

    exit_code = 47


class WrongVersionError(SlipwayError):
    """The project pins another version of Slipway than the one that runs; nothing was started."""

    exit_code = 48


class ReproductionError(SlipwayError):
    """A release was rebuilt from its tag and differs from the published one; the message names the first difference."""

    exit_code = 49


class RebuildError(SlipwayError):
    """A release cannot be rebuilt here: it has no lock, its packages cannot be installed, or its tag cannot be fetched."""

    exit_code = 50


class ComponentsLockError(SlipwayError):
    """`components.lock` does not pin the components that `slipway.toml` names, or a tag was moved; nothing was started."""

    exit_code = 51


class StoppedError(SlipwayError):
    """Ctrl-C or a signal stopped the command; the processes that it had started were stopped too."""

    # The shell's convention: 128 + signal 2 (SIGINT).
    exit_code = 130


ERRORS: tuple[type[SlipwayError], ...] = tuple(SlipwayError.__subclasses__())


def error_for(exit_code: int) -> type[SlipwayError] | None:
    """Return the error class with this exit code, or None if the code is not one of Slipway's."""
    return next((error for error in ERRORS if error.exit_code == exit_code), None)
