"""Open a Spark session for one job, and turn Spark's exceptions into short messages.

Requirements are checked before Java starts. The session ends with the job, unless it already existed.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from slipway.errors import SettingsError, SparkError

_MASTER = re.compile(r"local(\[.+\])?|local-cluster\[.+\]|spark://.+:\d+|yarn|k8s://.+")
_STANDALONE = re.compile(r"spark://(?P<places>.+)")
_CONNECT_SECONDS = 5.0
_NOTHING_WRITTEN = "nothing was written"
_INSTALL = "install requirements-spark.lock on every executor and set PYSPARK_PYTHON to its Python"
_KNOWN_FAILURES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"No module named '([\w.]+)'"), "the Python of an executor has no '{0}'; " + _INSTALL),
    (re.compile(r"\[PACKAGE_NOT_INSTALLED\] (\w+) "), "the Python of an executor has no '{0}'; " + _INSTALL),
    (re.compile(r'Cannot run program "([^"]+)"'), "an executor cannot run Python as '{0}'; " + _INSTALL),
    (re.compile(r"\[PYTHON_VERSION_MISMATCH\] ([^\n]+)"), "{0} " + _INSTALL),
    (re.compile(r"All masters are unresponsive"), "no Spark master responds at that address"),
    (re.compile(r"SparkContext was shut down|stopped SparkContext"), "Spark stopped during the job"),
    (re.compile(r"bigger than (spark\.driver\.maxResultSize[^\n.]*)"), "a part is larger than {0}; increase it"),
)
_MAX_MESSAGE_LENGTH = 300


@contextmanager
def session(master: str | None) -> Iterator[Any]:
    """Yield the active session, as in a notebook or under spark-submit, or a new one at ``master``.

    Raises:
        SettingsError: ``master`` is not the address of a master.
        SparkError: pyspark or Java is missing, or the master cannot be reached.
    """
    check_requirements(master)
    from pyspark.sql import SparkSession

    found = SparkSession.getActiveSession()
    if found is not None:
        yield found
        return
    with spark_errors(master):
        started = _start_session(SparkSession.builder, master)
    try:
        yield started
    finally:
        started.stop()


def check_requirements(master: str | None) -> None:
    """Check what can be checked before Java starts, which takes seconds.

    Raises:
        SettingsError: ``master`` is not the address of a master.
        SparkError: pyspark or Java is missing, or nothing listens at the master's address.
    """
    if master is not None and not _MASTER.fullmatch(master):
        raise SettingsError(
            f"--master must look like local[4], spark://host:7077, yarn or k8s://..., not '{master}'; {_NOTHING_WRITTEN}"
        )
    if find_spec("pyspark") is None:
        raise SparkError(
            f"--engine spark needs pyspark, which is missing from {sys.executable}; install requirements-spark.lock; "
            f"{_NOTHING_WRITTEN}"
        )
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        _check_java()
    if master is not None and (found := _STANDALONE.fullmatch(master)):
        _check_listening(master, found["places"].split(","))


def _start_session(builder: Any, master: str | None) -> Any:
    if master is None or master.startswith("local"):
        # Executors on this machine run the driver's Python; those of a cluster have their own.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if master is not None:
        builder = builder.master(master)
    # pyspark warns about the version of pandas even if no pandas is used.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    started = builder.appName("slipway batch").config("spark.ui.showConsoleProgress", "false").getOrCreate()
    started.sparkContext.setLogLevel("ERROR")
    return started


def _check_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if shutil.which(str(Path(home) / "bin/java") if home else "java") is None:
        where = f"JAVA_HOME ({home})" if home else "PATH"
        raise SparkError(f"--engine spark needs Java 17 or newer, but there is no java in {where}; {_NOTHING_WRITTEN}")


def _check_listening(master: str, addresses: list[str]) -> None:
    """Check that a standalone master listens."""
    # Spark itself would try for a minute and then report only that its context was stopped.
    failed = []
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        except OSError as error:
            failed.append(f"{address}: {error.strerror or error}")
        else:
            return
    raise SparkError(f"the master {master} cannot be reached ({'; '.join(failed)}); {_NOTHING_WRITTEN}")


@contextmanager
def spark_errors(master: str | None) -> Iterator[None]:
    """Turn Spark's exceptions into a ``SparkError``.

    Raises:
        SparkError: Spark raised an exception.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        raise SparkError(f"Spark at {master or 'its own master'} failed: {explain_failure(str(error))}") from error


def explain_failure(message: str) -> str:
    """Return one sentence for a message of Spark, which is often pages of Java."""
    for pattern, sentence in _KNOWN_FAILURES:
        if found := pattern.search(message):
            return f"{sentence.format(*found.groups())}; no dataset was published"
    first_line = next((line.strip() for line in message.splitlines() if line.strip()), "no message")
    return f"{first_line[:_MAX_MESSAGE_LENGTH]}; no dataset was published"
