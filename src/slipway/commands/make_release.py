"""At a release's tag: train, gate and seal, and leave all that its page needs in one folder. Nothing else is changed."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.release_assets import NOTES, pack, write_sbom, write_sums
from slipway.bundle.seal import seal
from slipway.bundle.verdict import Verdict, encode_verdict, verdict_table
from slipway.commands.rehearse import Baselines, Rehearsal, train_and_judge
from slipway.commands.retrain.rehearsal import compare_to_rehearsal
from slipway.errors import BundleError, StorageError, VersionError
from slipway.reporting.progress import Progress
from slipway.rollout.verification import verify_predictions
from slipway.settings.settings import LOCK_FILE, Settings
from slipway.versioning.build_package import build_package
from slipway.versioning.checkout_version import Version, version_of


@dataclass(frozen=True)
class ReleaseResult:
    """The verdict, and the digest of the list of the files' digests, which stands for them all."""

    release: str
    verdict: Verdict
    sums_digest: str
    rehearsal_note: str = ""
    """Whether the model is the one that a retrain rehearsed; empty where none was."""


def make_release(settings: Settings, baselines: Baselines, *, into: Path, progress: Progress) -> ReleaseResult:
    """Make the files of the release whose tag is checked out; a refused one gets a report, and no bundle.

    Args:
        opponents: whom to beat; verified by the caller.
        into: an empty or absent folder.

    Raises:
        VersionError: this is not an unchanged checkout of a release's tag.
        StorageError: the folder is not empty, or cannot be written.
        SlipwayError: whatever stopped the pipeline.
    """
    version = version_of(settings.root)
    if not version.exact:
        raise VersionError(f"{settings.root} is at {version.text}, not at a release's tag, so no release can be made")
    if into.exists() and any(into.iterdir()):
        raise StorageError(f"{into} is not empty; name a folder that is, for everything in it becomes the release")
    into.mkdir(parents=True, exist_ok=True)
    judged = train_and_judge(settings, version.text, baselines, cache=False, progress=progress)
    rehearsal = compare_to_rehearsal(settings.root, judged.candidate)
    said = [sentence for sentence in (judged.verdict_text, rehearsal) if sentence]
    for sentence in said:
        progress(sentence)
    if judged.verdict.verdict == "publish":
        _pack(settings, judged, version, into)
    _write_documents(settings, judged, version, "\n\n".join(said), into)
    return ReleaseResult(version.text, judged.verdict, write_sums(into), rehearsal)


def _pack(settings: Settings, rehearsal: Rehearsal, version: Version, into: Path) -> None:
    place = into.with_name(f".{into.name}-bundle")
    shutil.rmtree(place, ignore_errors=True)
    name, lock = settings.name, settings.lock_digest
    bundle = seal(
        rehearsal.candidate, version.text, version.commit, rehearsal.verdict, name=name, lock_digest=lock, into=place
    )
    if problems := verify_predictions(bundle.path).problems:
        raise BundleError(f"{version.text} was sealed but does not prove itself: {'; '.join(problems)}")
    pack(bundle, into)
    shutil.rmtree(place)


def _write_documents(settings: Settings, rehearsal: Rehearsal, version: Version, verdict_text: str, into: Path) -> None:
    """The report, the verdict, the notes, the package and the bill of materials, whatever the gate said."""
    evaluation = rehearsal.candidate.metrics.parent
    shutil.copyfile(evaluation / "report.html", into / "report.html")
    (into / "verdict.json").write_bytes(encode_verdict(rehearsal.verdict))
    summary = (evaluation / "summary.md").read_text(encoding="utf-8")
    parts = [_read_changes(settings.root, version.text), verdict_text, verdict_table(rehearsal.verdict), summary]
    (into / NOTES).write_text("\n\n".join(part for part in parts if part), encoding="utf-8")
    build_package(settings.root, into)
    write_sbom(settings.root / LOCK_FILE, into / "sbom.cdx.json")


def _read_changes(root: Path, version: str) -> str:
    """A version's section of CHANGELOG.md, with its heading; nothing where there is none, as for a release by tag only."""
    path = root / "CHANGELOG.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(rf"^## v{re.escape(version)}\b.*?(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return found[0].strip() if found else ""
