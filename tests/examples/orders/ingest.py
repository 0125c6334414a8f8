"""Orders of a small team, from a table in either format."""

import pandas as pd


def features(files):
    return read(files["orders"])


def read(path):
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, parse_dates=["time"])
