"""Train, gate and seal the release of the checked-out tag, and write every file for its GitHub page to one folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.release_assets import NOTES, pack, read_changes, write_sbom, write_sums
from slipway.bundle.seal import seal
from slipway.bundle.verdict import Verdict, encode_verdict, verdict_table
from slipway.commands.rehearse import Baselines, Rehearsal, train_and_judge
from slipway.commands.retrain.rehearsal import compare_to_rehearsal
from slipway.errors import BundleError, StorageError, VersionError
from slipway.pipeline.flow import COMPONENTS_HEAD, COMPONENTS_TITLE
from slipway.reporting.markdown import table
from slipway.reporting.progress import Progress
from slipway.reporting.sanitize import code_span
from slipway.rollout.verification import verify_predictions
from slipway.settings.settings import LOCK_FILE, Settings
from slipway.versioning.build_package import build_package
from slipway.versioning.checkout_version import Version, version_of


@dataclass(frozen=True)
class ReleaseResult:
    """The verdict, and the digest of the list of all files' digests, which identifies the complete set."""

    release: str
    verdict: Verdict
    sums_digest: str
    rehearsal_note: str = ""
    """A sentence that compares the model with the one of the retrain's rehearsal; empty if there was no rehearsal."""


def make_release(settings: Settings, baselines: Baselines, *, into: Path, progress: Progress) -> ReleaseResult:
    """Create the files of the release of the checked-out tag; a refused release gets a report but no bundle.

    Args:
        settings: the settings of the project.
        baselines: the releases to compare the candidate with; the caller has verified them.
        into: the folder for the files; it must be empty or not exist.
        progress: receives the progress of the pipeline, and the verdict.

    Raises:
        VersionError: this is not an unchanged checkout of a release tag.
        StorageError: the folder is not empty, or cannot be written.
        SlipwayError: the pipeline failed.
    """
    version = version_of(settings.root)
    if not version.exact:
        raise VersionError(f"{settings.root} is at {version.text}, not at a release tag, so no release can be created")
    if into.exists() and any(into.iterdir()):
        raise StorageError(f"{into} is not empty; name an empty folder, because everything in it is published")
    into.mkdir(parents=True, exist_ok=True)
    judged = train_and_judge(settings, version.text, baselines, cache=False, progress=progress)
    rehearsal = compare_to_rehearsal(settings.root, judged.candidate)
    sentences = [sentence for sentence in (judged.verdict_text, rehearsal) if sentence]
    for sentence in sentences:
        progress(sentence)
    if judged.verdict.verdict == "publish":
        _pack(settings, judged, version, into)
    _write_documents(settings, judged, version, "\n\n".join(sentences), into)
    return ReleaseResult(version.text, judged.verdict, write_sums(into), rehearsal)


def _pack(settings: Settings, rehearsal: Rehearsal, version: Version, into: Path) -> None:
    # Beside the folder and not in it: every file in the folder is listed in its checksums and published.
    sealed = into.with_name(f".{into.name}-bundle")
    shutil.rmtree(sealed, ignore_errors=True)
    name, lock = settings.name, settings.lock_digest
    bundle = seal(
        rehearsal.candidate, version.text, version.commit, rehearsal.verdict, name=name, lock_digest=lock, into=sealed
    )
    if problems := verify_predictions(bundle.path).problems:
        raise BundleError(f"{version.text} was sealed but failed verification: {'; '.join(problems)}")
    pack(bundle, into)
    shutil.rmtree(sealed)


def _write_documents(settings: Settings, rehearsal: Rehearsal, version: Version, verdict_text: str, into: Path) -> None:
    """Write the report, the verdict, the notes, the package and the bill of materials, whatever the verdict is."""
    evaluation, components = rehearsal.candidate.metrics.parent, rehearsal.candidate.components
    shutil.copyfile(rehearsal.candidate.report, into / "report.html")
    (into / "verdict.json").write_bytes(encode_verdict(rehearsal.verdict))
    summary = (evaluation / "summary.md").read_text(encoding="utf-8")
    parts = [read_changes(settings.root, version.text), verdict_text, verdict_table(rehearsal.verdict)]
    parts += [summary, components_table(components) if components else ""]
    (into / NOTES).write_text("\n\n".join(part for part in parts if part), encoding="utf-8")
    build_package(settings.root, into)
    write_sbom(settings.root / LOCK_FILE, into / "sbom.cdx.json")


def components_table(components: Mapping[str, Mapping[str, str]]) -> str:
    """Return the repository, version and commit of each component of another repository as a Markdown table."""
    rows = [(name, *map(code_span, version.values())) for name, version in sorted(components.items())]
    return f"### {COMPONENTS_TITLE}\n\n{table(COMPONENTS_HEAD, rows)}\n"
