"""What Spark raises, in a sentence: its own messages are pages of Java."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from slipway.errors import SparkError

_INSTALL = "install requirements-spark.lock on every executor and name its Python by PYSPARK_PYTHON"
_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"No module named '([\w.]+)'"), "the Python of an executor has no '{0}'; " + _INSTALL),
    (re.compile(r"\[PACKAGE_NOT_INSTALLED\] (\w+) "), "the Python of an executor has no '{0}'; " + _INSTALL),
    (re.compile(r'Cannot run program "([^"]+)"'), "an executor cannot run its Python, '{0}'; " + _INSTALL),
    (re.compile(r"\[PYTHON_VERSION_MISMATCH\] ([^\n]+)"), "{0} " + _INSTALL),
    (re.compile(r"All masters are unresponsive"), "no Spark master answers at that address"),
    (re.compile(r"SparkContext was shut down|stopped SparkContext"), "Spark ended while the job ran"),
    (re.compile(r"bigger than (spark\.driver\.maxResultSize[^\n.]*)"), "a part is bigger than {0}; raise it"),
)
_TOO_LONG = 300


@contextmanager
def said_plainly(master: str | None) -> Iterator[None]:
    """Turn what Spark raises into an error of ours.

    Raises:
        SparkError: Spark raised anything.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        raise SparkError(f"Spark at {master or 'its own master'} failed: {plainly(str(error))}") from error


def plainly(message: str) -> str:
    """The sentence for a message of Spark."""
    for pattern, sentence in _KNOWN:
        if found := pattern.search(message):
            return f"{sentence.format(*found.groups())}; no dataset was published"
    told = next((line.strip() for line in message.splitlines() if line.strip()), "it says nothing")
    return f"{told[:_TOO_LONG]}; no dataset was published"
