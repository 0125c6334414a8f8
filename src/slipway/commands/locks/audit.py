"""Look for known vulnerabilities of the locked packages with pip-audit, in the database OSV."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec

from slipway.commands.locks.exceptions import AuditException
from slipway.errors import NotFoundError, SettingsError
from slipway.versioning.git.command import last_line, run_program

_TIMEOUT = 30 * 60


class Vulnerability(msgspec.Struct, frozen=True):
    """A known vulnerability, as pip-audit reports it."""

    id: str
    fix_versions: list[str]
    aliases: list[str]
    description: str = ""


class _Package(msgspec.Struct, frozen=True):
    """A package that pip-audit looked up; with a ``skip_reason``, one that it did not."""

    name: str
    version: str = ""
    vulns: list[Vulnerability] = msgspec.field(default_factory=list)
    skip_reason: str = ""


class _Report(msgspec.Struct, frozen=True):
    dependencies: list[_Package]


@dataclass(frozen=True)
class Finding:
    """A vulnerability of a locked package."""

    package: str
    version: str
    vulnerability: Vulnerability

    @property
    def names(self) -> set[str]:
        """Every name of the vulnerability."""
        return {self.vulnerability.id, *self.vulnerability.aliases}

    def __str__(self) -> str:
        fixed = f"fixed in {', '.join(versions)}" if (versions := self.vulnerability.fix_versions) else "not fixed yet"
        others = f" ({', '.join(sorted(self.vulnerability.aliases))})" if self.vulnerability.aliases else ""
        return f"{self.package} {self.version}: {self.vulnerability.id}{others}, {fixed}"


@dataclass(frozen=True)
class AuditResult:
    """How many packages were looked up, their vulnerabilities, those with an exception, and exceptions without any."""

    packages: int
    findings: list[Finding]
    accepted: list[Finding]
    unused: list[AuditException]


def audit(root: Path, locks: Iterable[str], exceptions: Mapping[str, AuditException]) -> AuditResult:
    """Look up every package of the locks that this Python and system would install.

    Raises:
        NotFoundError: pip-audit is not installed, or the database could not be reached.
        SettingsError: pip-audit could not read a package of the locks.
    """
    packages = _look_up([root / path for path in locks])
    if skipped := [f"{package.name} ({package.skip_reason})" for package in packages if package.skip_reason]:
        raise SettingsError(f"pip-audit could not look up {', '.join(skipped)}; fix the lock that names it")
    # A package that is in two locks is reported once for each.
    found = {
        (package.name, package.version, vulnerability.id): Finding(package.name, package.version, vulnerability)
        for package in packages
        for vulnerability in package.vulns
    }
    accepted = {key: finding for key, finding in found.items() if not finding.names.isdisjoint(exceptions)}
    used = {name for finding in accepted.values() for name in finding.names}
    return AuditResult(
        len({(package.name, package.version) for package in packages}),
        [finding for key, finding in found.items() if key not in accepted],
        list(accepted.values()),
        [exception for name, exception in exceptions.items() if name not in used],
    )


def _look_up(locks: list[Path]) -> list[_Package]:
    if find_spec("pip_audit") is None:
        raise NotFoundError("pip-audit is not installed here; it is in the dependency group `dev`: run `make setup`")
    with tempfile.TemporaryDirectory(prefix="slipway-audit-") as folder:
        report = Path(folder, "report.json")
        options = ["--vulnerability-service", "osv", "--format", "json", "--output", str(report), "--aliases", "on"]
        # Only the locks are read: no package is installed, downloaded or resolved.
        options += ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--cache-dir", folder]
        files = [argument for lock in locks for argument in ("--requirement", str(lock))]
        done = run_program([sys.executable, "-m", "pip_audit", *options, *files], os.environ, timeout=_TIMEOUT)
        # Its exit code is 1 both for a vulnerability and for a failure, but only the former comes with a report.
        try:
            return msgspec.json.decode(report.read_bytes(), type=_Report).dependencies
        except (FileNotFoundError, msgspec.DecodeError):
            raise NotFoundError(
                f"the vulnerabilities could not be looked up: {last_line(done.stderr)}; they may "
                "exist, so run it again later"
            ) from None
