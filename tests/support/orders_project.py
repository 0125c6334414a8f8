"""A small team's project that passes: returned orders, with a time, groups, nulls and every kind of column."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from slipway.contract.schema import encode_contract
from slipway.settings.settings import load_settings
from tests.support.projects import EXAMPLES, edit

ROWS = 300


def table() -> pd.DataFrame:
    """One order an hour; returned when dear, but for a quarter of them."""
    rng = np.random.default_rng(0)
    number = np.arange(ROWS)
    amount = rng.normal(50, 20, ROWS).round(2)
    dear = (amount > 50) ^ (rng.random(ROWS) < 0.25)
    return pd.DataFrame(
        {
            "order": number,
            "customer": [f"c{n % 60}" for n in number],
            "time": pd.Timestamp("2013-01-01") + pd.to_timedelta(number, unit="h"),
            "region": np.where(number % 2, "east", "west"),
            "channel": [("shop", "web", None)[n % 3] for n in number],
            "amount": np.where(number % 10, amount, np.nan),
            "items": number % 9 + 1,
            "member": [(True, False, None)[n % 3] for n in number],
            "returned": np.where(dear, "yes", "no"),
        }
    )


def orders(folder: Path) -> Path:
    """The project in a folder; returns its slipway.toml."""
    shutil.copytree(EXAMPLES / "orders", folder, dirs_exist_ok=True)
    table().to_csv(folder / "orders.csv", index=False)
    pin(folder / "slipway.toml")
    (folder / "contract.json").write_bytes(encode_contract(load_settings(folder / "slipway.toml").contract))
    return folder / "slipway.toml"


def pin(project: Path, file: str = "orders.csv") -> None:
    """Pin a file of the project as it is."""
    digest = hashlib.sha256((project.parent / file).read_bytes()).hexdigest()
    text = re.sub(r'uri = ".*"\nsha256 = ".*"', f'uri = "{file}"\nsha256 = "{digest}"', project.read_text())
    project.write_text(text)


Edit = Callable[[Path], None]


def setting(old: str, new: str) -> Edit:
    """Another text in slipway.toml."""
    return lambda project: edit(project, old, new)


def function(old: str, new: str) -> Edit:
    """Another text in ingest.py."""
    return lambda project: edit(project.parent / "ingest.py", old, new)


def data(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Edit:
    """Another table, stored and pinned as the first."""

    def apply(project: Path) -> None:
        change(table()).to_csv(project.parent / "orders.csv", index=False)
        pin(project)

    return apply


def returned(expression: str) -> Edit:
    """The function returns something else than the table that it read, which is called ``rows``."""
    return function(
        'return read(files["orders"])', f'import numpy as np\n    rows = read(files["orders"])\n    return {expression}'
    )


def stored(name: str, write: Callable[[pd.DataFrame, Path], object], damage: Callable[[Path], object]) -> Edit:
    """The table in another format, damaged and then pinned."""

    def apply(project: Path) -> None:
        file = project.parent / name
        write(table(), file)
        damage(file)
        pin(project, name)

    return apply


def cut(file: Path) -> None:
    """The first half of a file."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def unpinned(change: Callable[[Path], object]) -> Edit:
    """Something happens to the data file, and the pin stays what it was."""

    def apply(project: Path) -> None:
        change(project.parent / "orders.csv")

    return apply


def put(column: str, row: int | slice, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A table with other values in some rows of a column."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        values = rows[column].astype(object)
        values.iloc[row] = value
        return rows.assign(**{column: values})

    return change
