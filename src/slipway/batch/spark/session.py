"""A Spark session for one job: what it needs is looked for first, and it ends with the job unless it was there before.

What Spark raises becomes a sentence: its own messages are pages of Java.
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
_INSTALL = "install requirements-spark.lock on every executor and name its Python by PYSPARK_PYTHON"
_KNOWN_FAILURES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"No module named '([\w.]+)'"), "the Python of an executor has no '{0}'; " + _INSTALL),
    (re.compile(r"\[PACKAGE_NOT_INSTALLED\] (\w+) "), "the Python of an executor has no '{0}'; " + _INSTALL),
    (re.compile(r'Cannot run program "([^"]+)"'), "an executor cannot run its Python, '{0}'; " + _INSTALL),
    (re.compile(r"\[PYTHON_VERSION_MISMATCH\] ([^\n]+)"), "{0} " + _INSTALL),
    (re.compile(r"All masters are unresponsive"), "no Spark master answers at that address"),
    (re.compile(r"SparkContext was shut down|stopped SparkContext"), "Spark ended while the job ran"),
    (re.compile(r"bigger than (spark\.driver\.maxResultSize[^\n.]*)"), "a part is bigger than {0}; raise it"),
)
_MAX_MESSAGE_LENGTH = 300


@contextmanager
def session(master: str | None) -> Iterator[Any]:
    """The session that is active, as in a notebook or under spark-submit, or a new one at ``master``.

    Raises:
        SettingsError: ``master`` is no address of a master.
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
    """Look for what can be known to be missing before Java is started.

    Raises:
        SettingsError: ``master`` is no address of a master.
        SparkError: pyspark or Java is missing, or nothing listens at the master's address.
    """
    if master is not None and not _MASTER.fullmatch(master):
        raise SettingsError(
            f"--master must be such as local[4], spark://host:7077, yarn or k8s://..., not '{master}'; {_NOTHING_WRITTEN}"
        )
    if find_spec("pyspark") is None:
        raise SparkError(
            f"--engine spark needs pyspark, which {sys.executable} does not have; install requirements-spark.lock; "
            f"{_NOTHING_WRITTEN}"
        )
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        _check_java()
    if master is not None and (found := _STANDALONE.fullmatch(master)):
        _check_listening(master, found["places"].split(","))


def _start_session(builder: Any, master: str | None) -> Any:
    if master is None or master.startswith("local"):
        # Executors of this machine run the Python that runs the driver; those of a cluster have their own.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if master is not None:
        builder = builder.master(master)
    # pyspark looks for pandas and warns of its version, even where no pandas is used.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    started = builder.appName("slipway batch").config("spark.ui.showConsoleProgress", "false").getOrCreate()
    started.sparkContext.setLogLevel("ERROR")
    return started


def _check_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if shutil.which(str(Path(home) / "bin/java") if home else "java") is None:
        where = f"JAVA_HOME ({home})" if home else "PATH"
        raise SparkError(f"--engine spark needs Java 17 or newer, and there is no java in {where}; {_NOTHING_WRITTEN}")


def _check_listening(master: str, addresses: list[str]) -> None:
    """Spark itself would try for a minute and then speak of a stopped context."""
    failed = []
    for place in addresses:
        host, _, port = place.rpartition(":")
        try:
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        except OSError as error:
            failed.append(f"{place}: {error.strerror or error}")
        else:
            return
    raise SparkError(f"the master {master} cannot be reached ({'; '.join(failed)}); {_NOTHING_WRITTEN}")


@contextmanager
def spark_errors(master: str | None) -> Iterator[None]:
    """Turn what Spark raises into an error of ours.

    Raises:
        SparkError: Spark raised anything.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        raise SparkError(f"Spark at {master or 'its own master'} failed: {explain_failure(str(error))}") from error


def explain_failure(message: str) -> str:
    """The sentence for a message of Spark."""
    for pattern, sentence in _KNOWN_FAILURES:
        if found := pattern.search(message):
            return f"{sentence.format(*found.groups())}; no dataset was published"
    told = next((line.strip() for line in message.splitlines() if line.strip()), "it says nothing")
    return f"{told[:_MAX_MESSAGE_LENGTH]}; no dataset was published"
