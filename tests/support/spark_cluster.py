"""A real standalone cluster of Spark on this machine: a master and workers, each a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tests.support.eventually import eventually
from tests.support.flights import ROOT

PYTHON = ROOT / ".venv-spark/bin/python"
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Java starts sooner when it does not optimize what ends at once."""
SETTINGS = f"""
spark.ui.enabled false
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.executor.memory 512m
spark.locality.wait 0s
spark.ui.showConsoleProgress false
spark.driver.extraJavaOptions {QUICK}
spark.executor.extraJavaOptions {QUICK}
"""


def spark_python() -> Path:
    """The Python with what deploy/batch/requirements-spark.lock names, made once for each checkout."""
    with FileLock(ROOT / ".venv/.spark.lock"):
        subprocess.run(["make", "-s", "spark"], cwd=ROOT, check=True)
    return PYTHON


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """What a driver is started with: small executors that run the environment's Python."""
    (folder / "conf").mkdir(exist_ok=True)
    (folder / "conf/spark-defaults.conf").write_text(SETTINGS)
    own = {"PYTHONPATH": f"{ROOT}/src{os.pathsep}{ROOT}", "PYSPARK_PYTHON": str(PYTHON), "SPARK_LOCAL_IP": "127.0.0.1",
           "SPARK_CONF_DIR": str(folder / "conf"), "SPARK_DAEMON_JAVA_OPTS": QUICK}  # fmt: skip
    return os.environ | own | variables


@dataclass(frozen=True)
class Cluster:
    """The master's address, and the processes of the workers."""

    master: str
    folder: Path
    workers: list[subprocess.Popen[bytes]]

    def kill_a_worker(self) -> None:
        """As a machine that loses its power; its executors end with it."""
        worker = self.workers.pop()
        worker.send_signal(signal.SIGKILL)
        worker.wait()


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """A master and workers with a core each, once they know one another."""
    spark_python()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    master, log = f"spark://127.0.0.1:{port}", folder / "master.log"
    started = [_start(folder, log, "master.Master", "--port", str(port))]
    try:
        for number in range(workers):
            place = ["--cores", "1", "--memory", "1g", "--work-dir", str(folder / f"work-{number}"), master]
            started.append(_start(folder, folder / f"worker-{number}.log", "worker.Worker", *place))
        assert eventually(lambda: log.read_text().count("Registering worker") == workers, 120), log.read_text()
        yield Cluster(master, folder, started[1:])
    finally:
        for process in started:
            process.terminate()
            process.wait()


def _start(folder: Path, log: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    (spark,) = PYTHON.parent.parent.glob("lib/python*/site-packages/pyspark/bin/spark-class")
    command = [str(spark), f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", "--webui-port", "0", *arguments]
    with log.open("wb") as file:
        return subprocess.Popen(command, env=environment(folder), stdout=file, stderr=file)
