"""The units of deploy/ start commands that there are, with the options and variables that they name."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.support.batch_jobs import some_rows, write_rows
from tests.support.bundles import make_bundle
from tests.support.running_server import eventually

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy").glob("*/*.service"))
SLIPWAY = Path(sys.executable).with_name("slipway")


def value_of(unit: Path, name: str) -> str:
    (found,) = re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)
    return str(found)


def settings(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def command(unit: Path, **variables: str) -> list[str]:
    """What the unit starts, with our `slipway` and the variables as systemd puts them in: one word each."""
    program, *arguments = shlex.split(value_of(unit, "ExecStart"))
    assert program == "/opt/slipway/.venv/bin/slipway"
    return [str(SLIPWAY), *(re.sub(r"\$\{(\w+)\}", lambda m: variables[m[1]], word) for word in arguments)]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    target = tmp_path / "target"
    bundle = make_bundle(target / "releases", "1.4.0")
    (target / "current").symlink_to(Path("releases", bundle.name))
    return target


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_confined_and_says_where_it_belongs(unit: Path) -> None:
    text = unit.read_text()
    assert value_of(unit, "User") == "slipway"
    assert "Copy to /etc/systemd/system/" in text.splitlines()[0]
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes"):
        assert line in text
    assert not re.search(r"(?i)(token|password|secret)s?=(?!\.\.\.)\S", text)


@pytest.mark.parametrize("timer", sorted((ROOT / "deploy").glob("*/*.timer")), ids=lambda timer: timer.stem)
def test_a_timer_starts_the_service_beside_it(timer: Path) -> None:
    assert timer.with_suffix(".service") in UNITS
    assert value_of(timer, "WantedBy") == "timers.target"


def test_the_server_unit_serves_the_champion_with_the_settings_beside_it(target: Path, tmp_path: Path) -> None:
    unit = ROOT / "deploy" / "realtime" / "slipway-serve.service"
    given = settings(unit.with_name("settings.env"))
    assert given["TARGET"] == "/srv/slipway/target"
    said = tmp_path / "said"
    with said.open("wb") as file:
        server = subprocess.Popen(command(unit, **given | {"TARGET": str(target), "PORT": "0"}), stderr=file)
    try:
        assert eventually(lambda: b"serving 1.4.0" in said.read_bytes() or server.poll() is not None, 60)
        server.send_signal(getattr(signal, value_of(unit, "KillSignal")))
        assert server.wait(60) == 0
    finally:
        server.kill()
    assert b"serving 1.4.0" in said.read_bytes()


def test_the_batch_unit_scores_what_its_environment_names(target: Path, tmp_path: Path) -> None:
    unit = ROOT / "deploy" / "batch" / "slipway-batch.service"
    rows, scores = tmp_path / "rows.parquet", tmp_path / "scores"
    write_rows(rows, some_rows(50))
    for name in ("slipway.toml", "contract.json"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        command(unit, IN=str(rows), OUT=str(scores)),
        cwd=tmp_path,
        env={**os.environ, "SLIPWAY_TARGET": str(target)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert set(pd.concat(map(pd.read_parquet, scores.glob("*.parquet")))["release"]) == {"1.4.0"}
