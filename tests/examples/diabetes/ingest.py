"""scikit-learn's diabetes data: a regression of another team."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd


def features(files: Mapping[str, Path]) -> pd.DataFrame:
    return pd.read_csv(files["diabetes"])
