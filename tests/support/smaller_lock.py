"""What a smaller lock makes of the environment that runs these tests: a package that it lacks cannot be imported.

``python tests/support/smaller_lock.py LOCK`` prints a module that does it to the process which imports it.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

_PROGRAM = """\
import sys
from importlib.machinery import PathFinder

OUTSIDE = {outside}


class SmallerLock(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        return None if fullname.partition(".")[0] in OUTSIDE else super().find_spec(fullname, path, target)


sys.meta_path[:] = [SmallerLock if finder is PathFinder else finder for finder in sys.meta_path]
"""
_LIBRARY = "slipway-ml"


def packages(lock: Path) -> set[str]:
    """The names of the packages that a lock installs."""
    return set(re.findall(r"^([a-z0-9][a-z0-9.-]*)==", lock.read_text(), re.MULTILINE))


def program(lock: Path) -> str:
    """A program that hides what is installed here and not in the lock; the library itself is in no lock."""
    locked = {*packages(lock), _LIBRARY}
    installed = packages_distributions()
    outside = {
        module
        for module, names in installed.items()
        if locked.isdisjoint(re.sub(r"[-_.]+", "-", name).lower() for name in names)
    }
    return _PROGRAM.format(outside=sorted(outside))


if __name__ == "__main__":
    print(program(Path(sys.argv[1])), end="")
