"""Reads a Dockerfile, and does what its stages say in a folder of its own, since there is no Docker engine in the tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "realtime" / "Dockerfile"
USER = 65532
# A test's Python may lie in root's home, so this user may read everything here; it may write as little as any other.
_READS = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
_BECOME = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", *_READS]
AS_USER = _BECOME if os.geteuid() == 0 and shutil.which("setpriv") else []


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with its continued lines joined."""

    name: str
    value: str


def instructions() -> list[Instruction]:
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(" ", 1)) for line in joined.splitlines() if line]


def values(name: str) -> list[str]:
    return [instruction.value for instruction in instructions() if instruction.name == name]


def environment() -> dict[str, str]:
    """What ENV sets in the last stage."""
    return dict(pair.split("=", 1) for pair in values("ENV")[-1].split())


def command(name: str) -> list[str]:
    """The last exec form of ENTRYPOINT, CMD or HEALTHCHECK."""
    value: list[str] = json.loads(values(name)[-1].partition("[")[1] + values(name)[-1].partition("[")[2])
    return value


class Image:
    """The file system that the Dockerfile makes, in a folder that every user may read."""

    def __init__(self, bundle: Path) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="slipway-image-"))
        self.root.chmod(0o755)
        self._bundle = bundle
        for instruction in instructions():
            if instruction.name == "COPY":
                self._copy(instruction.value)
            elif instruction.name == "RUN":
                self.build(instruction.value)

    def build(self, shell: str) -> None:
        if shell.startswith("slipway"):
            code, said = self.run(*self.inside(shell).split())
            assert code == 0, said
            return
        tools = {**os.environ, "PATH": f"{ROOT}/.uv/bin:{os.environ['PATH']}"}
        arguments = ["/bin/sh", "-c", self.inside(shell)]
        done = subprocess.run(arguments, env=tools, capture_output=True, text=True, umask=0o022, check=False)
        assert done.returncode == 0, done.stderr

    def start(self, arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
        """Run a program as the image's user, who may write nowhere in it."""
        program = shutil.which(arguments[0], path=self.environment()["PATH"])
        assert program
        arguments = [*AS_USER, program, *arguments[1:]]
        with log.open("wb") as file:
            return subprocess.Popen(arguments, env=self.environment(), cwd="/", stdout=file, stderr=file)

    def run(self, *arguments: str) -> tuple[int, str]:
        with tempfile.NamedTemporaryFile() as log:
            code = self.start([*arguments], Path(log.name)).wait(60)
            return code, Path(log.name).read_text()

    def inside(self, text: str) -> str:
        """The image's absolute paths, moved into the folder."""
        return re.sub(r"(?<![\w.}])/(opt|build|srv)\b", rf"{self.root}/\1", text)

    def environment(self) -> dict[str, str]:
        made = {name: self.inside(value).replace("$PATH", os.defpath) for name, value in environment().items()}
        return {"HOME": "/nonexistent", **made}

    def files(self) -> dict[str, tuple[int, int]]:
        """Every file with its size and time."""
        found = [path for path in self.root.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}

    def _copy(self, value: str) -> None:
        if value.startswith("--from=build"):
            return
        source, to = value.split()
        place = Path(self.inside(to))
        if source == "${BUNDLE}":
            shutil.copytree(self._bundle, place)
        elif source == "dist/*.whl":
            _build_wheel(place)
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, place)


def _build_wheel(out: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT / "src")]
    subprocess.run(build, check=True, capture_output=True)
