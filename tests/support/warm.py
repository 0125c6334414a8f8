"""As a program: the `slipway` of whatever folder it is told, in a process that need not import the libraries again.

Those imports cost more than a small project's whole ship. Nothing of Slipway is imported before the fork, so the child
runs the code of its own `src`: `python -c "from slipway.cli.main import main; main()"` there, and nothing else.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

IMPORTED_ONCE = (
    *("mlflow", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"),
    *("pandas", "pyarrow.parquet", "sklearn.ensemble", "sklearn.compose", "sklearn.pipeline", "sklearn.inspection"),
    *("skops.io", "onnx", "onnxruntime", "spox", "pandera.pandas", "matplotlib.pyplot", "pydantic", "click"),
)


def main() -> None:
    """Answer each line of stdin, a command as JSON, with its exit code."""
    for name in IMPORTED_ONCE:
        importlib.import_module(name)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def become(command: dict[str, Any]) -> None:
    """Turn this child into `slipway` with its own folder, arguments, variables and files; never returns."""
    code: Any = 0
    try:
        for descriptor, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(command[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
        os.chdir(command["folder"])
        os.environ.update(command["variables"])
        sys.argv, sys.path[0] = ["slipway", *command["arguments"]], str(Path(command["folder"], "src"))
        importlib.import_module("slipway.cli.main").main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
