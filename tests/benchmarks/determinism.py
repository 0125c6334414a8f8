"""Which estimators of scikit-learn are not deterministic: the list in docs/reproduce.md.

``python -m tests.benchmarks.determinism`` fits each one in three processes, with one, two and two threads, and compares the
model files and the predictions.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from sklearn.utils import all_estimators

from slipway.errors import BundleError
from slipway.inference.skops_file import load_model, save_model

THREADS = ("1", "2", "2")


def fit_all() -> dict[str, list[str]]:
    """The digests of each estimator's file and predictions; those that need other data or arguments are left out."""
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1500, 8))
    numbers = rows[:, 0] + np.sin(rows[:, 1]) + rng.normal(size=1500) / 2
    found = {}
    for kind, truth in (("classifier", np.where(numbers > 0, "b", "a")), ("regressor", numbers)):
        for name, estimator in all_estimators(kind):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    model = estimator()
                    model.set_params(**({"random_state": 0} if "random_state" in model.get_params() else {}))
                    save_model(model.fit(rows, truth), file := Path(folder, "model.skops"))
                except (BundleError, TypeError, ValueError):
                    continue
                read = load_model(file)
                values = read.predict_proba(rows) if hasattr(read, "predict_proba") else read.predict(rows)
                parts = (file.read_bytes(), repr(np.asarray(values).tolist()).encode())
                found[name] = [hashlib.sha256(part).hexdigest() for part in parts]
    return found


def main() -> None:
    """Print what differs."""
    made = []
    for threads in THREADS:
        environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        command = [sys.executable, "-m", __spec__.name, "fit"]
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        made.append(json.loads(done.stdout))
    one, two, again = made
    print(f"{len(one)} estimators")
    print("differ from run to run:", ", ".join(name for name in two if two[name] != again[name]) or "none")
    print("differ with the number of threads:", ", ".join(name for name in one if one[name] != two[name]) or "none")


if __name__ == "__main__":
    if sys.argv[1:] == ["fit"]:
        print(json.dumps(fit_all()))
    else:
        main()
