"""A known vulnerability fails; an exception holds until its day; and no answer is never taken for a good one."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.commands.locks.exceptions import read_exceptions
from slipway.errors import SettingsError, VulnerabilityError
from tests.support.fork_server import Ended, slipway_here
from tests.support.git_repositories import git
from tests.support.vulnerability_service import Service, serve, vulnerability

TODAY = datetime.date(2026, 11, 28)
HASH = f" \\\n    --hash=sha256:{'0' * 64}\n"
LOCK = f"click==8.5.1{HASH}Pillow==12.0.0{HASH}colorama==0.4.6 ; sys_platform == 'win32'{HASH}"
GHSA, CVE = "GHSA-aaaa-bbbb-cccc", "CVE-2026-1234"


@pytest.fixture
def service() -> Iterator[Service]:
    with serve() as service:
        yield service


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with two locks that share a package."""
    git(tmp_path, "init", "-q", "project")
    root = tmp_path / "project"
    (root / "requirements.lock").write_text(f"# `make lock` made this\n--find-links vendor\n{LOCK}")
    (root / "requirements-spark.lock").write_text(f"click==8.5.1{HASH}")
    git(root, "add", "-A")
    return root


def vulnerable(service: Service, **more: object) -> None:
    service.known[("pillow", "12.0.0")] = [vulnerability("pillow", GHSA, aliases=(CVE,), fixed="12.0.1", **more)]


def accept(root: Path, line: str) -> None:
    (root / ".github").mkdir(exist_ok=True)
    (root / ".github" / "audit-exceptions.toml").write_text(f"# reviewed\n{line}\n")


def audit(root: Path, service: Service, **more: str) -> Ended:
    return slipway_here(root, "ci", "audit", **service.environment, **more)


def test_each_package_that_would_be_installed_here_is_looked_up(root: Path, service: Service) -> None:
    done = audit(root, service)
    assert (done.returncode, done.stdout) == (0, "2 packages were looked up\n"), done.stderr
    assert set(service.asked) == {("click", "8.5.1"), ("pillow", "12.0.0")}


def test_a_known_vulnerability_fails_and_says_what_fixes_it(root: Path, service: Service, tmp_path: Path) -> None:
    vulnerable(service)
    done = audit(root, service, GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert done.returncode == 32
    assert f"vulnerable: pillow 12.0.0: {CVE} ({GHSA}), fixed in 12.0.1" in done.stdout
    assert "1 known vulnerability in the locked packages, in pillow; `make lock UPGRADE=yes`" in done.stderr
    assert f"pillow 12.0.0: {CVE}" in (tmp_path / "summary").read_text()


def test_a_vulnerability_without_a_fix_says_so(root: Path, service: Service) -> None:
    service.known[("click", "8.5.1")] = [vulnerability("click", GHSA)]
    done = audit(root, service)
    assert done.returncode == 32
    assert done.stdout.count(f"click 8.5.1: {GHSA}, not fixed yet") == 1


def test_a_withdrawn_vulnerability_is_none(root: Path, service: Service) -> None:
    vulnerable(service, withdrawn="2026-11-02T00:00:00Z")
    assert audit(root, service).returncode == 0


@pytest.mark.parametrize("name", [GHSA, CVE])
def test_an_exception_holds_by_any_name_of_the_vulnerability(root: Path, service: Service, name: str) -> None:
    vulnerable(service)
    accept(root, f'{name} = {{ until = 2999-01-31, reason = "we open no images" }}')
    done = audit(root, service)
    assert done.returncode == 0, done.stderr
    assert f"accepted: pillow 12.0.0: {CVE} ({GHSA})" in done.stdout


def test_an_exception_for_one_accepts_no_other(root: Path, service: Service) -> None:
    vulnerable(service)
    accept(root, 'GHSA-zzzz-zzzz-zzzz = { until = 2999-01-31, reason = "gone" }')
    done = audit(root, service)
    assert done.returncode == 32
    assert "the exception for GHSA-zzzz-zzzz-zzzz is no longer needed; remove it" in done.stdout


def test_an_expired_exception_fails_before_anything_is_asked(root: Path, service: Service) -> None:
    accept(root, f'{GHSA} = {{ until = 2020-01-31, reason = "we open no images" }}')
    done = audit(root, service)
    assert done.returncode == 32
    assert f"an exception has expired: {GHSA} on 2020-01-31 (we open no images); update the package" in done.stderr
    assert service.asked == []


def test_an_exception_holds_through_its_last_day(tmp_path: Path) -> None:
    path = tmp_path / "exceptions.toml"
    path.write_text(f'{GHSA} = {{ until = {TODAY}, reason = "why" }}\n')
    assert list(read_exceptions(path, TODAY)) == [GHSA]
    with pytest.raises(VulnerabilityError, match="has expired"):
        read_exceptions(path, TODAY + datetime.timedelta(days=1))


@pytest.mark.parametrize(
    "line",
    [
        f'{GHSA} = {{ until = "soon", reason = "why" }}',
        f'{GHSA} = {{ until = 2999-01-31T00:00:00, reason = "why" }}',
        f'{GHSA} = {{ until = 2999-01-31, reason = " " }}',
        f"{GHSA} = {{ until = 2999-01-31 }}",
        f'{GHSA} = {{ until = 2999-01-31, reason = "why", expires = 2030-01-01 }}',
        f'{GHSA} = "for ever"',
        f"{GHSA}",
    ],
)
def test_an_exception_without_day_or_reason_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "exceptions.toml"
    path.write_text(line)
    with pytest.raises(SettingsError):
        read_exceptions(path, TODAY)


@pytest.mark.parametrize("fault", [429, 500, 503, "garbage", "drop"])
def test_no_answer_is_no_good_answer(root: Path, service: Service, fault: int | str) -> None:
    service.fault = fault
    done = audit(root, service)
    assert done.returncode == 16
    assert "the vulnerabilities could not be looked up" in done.stderr
    assert "they may exist, so run it again later" in done.stderr


def test_a_package_without_a_hash_is_no_lock(root: Path, service: Service) -> None:
    (root / "requirements.lock").write_text("click==8.5.1\n")
    done = audit(root, service)
    assert done.returncode == 16
    assert "could not be looked up" in done.stderr
