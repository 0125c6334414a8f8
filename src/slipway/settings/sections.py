"""Define the sections of `slipway.toml` with their settings and defaults."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from slipway.contract.schema import Type


class Section(BaseModel):
    """Base of all sections: rejects unknown names and wrong types, and cannot be changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Source(Section):
    """One pinned file: its location and the SHA-256 that it must have."""

    uri: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Data(Section):
    """The data pin, and the function that turns the pinned files into a table with one row per example."""

    function: str = Field(pattern=r"^.+\.py:\w+$")
    target: str
    sources: dict[str, Source] = Field(min_length=1)
    classes: tuple[str, ...] = Field(default=(), strict=False)
    time: str = ""
    through: datetime.date | None = None
    snapshots: str = ""


class Feature(Section):
    """One input of the model."""

    type: Type
    nullable: bool = False
    values: tuple[str, ...] = Field(default=(), strict=False)


Bounds = Annotated[tuple[float, ...], Field(strict=False)]
"""The smallest and the largest value, or infinity for no limit."""


class Validate(Section):
    """What the training data must be like beyond the contract; the step `validate` checks it."""

    minimum_rows: int = 1
    maximum_null_share: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}
    ranges: dict[str, Bounds] = {}
    class_share: dict[str, Bounds] = {}
    unique: tuple[str, ...] = Field(default=(), strict=False)


class Split(Section):
    """The rule that selects the holdout rows."""

    by: Literal["time", "hash", "group"] = "hash"
    holdout_days: int = Field(default=30, ge=1)
    holdout_share: float = Field(default=0.2, gt=0, lt=1, strict=False)
    key: tuple[str, ...] = Field(default=(), strict=False)


class Train(Section):
    """The estimator, its parameters, and the preprocessing of its features."""

    estimator: str
    own_classes: tuple[str, ...] = Field(default=(), strict=False)
    seed: int = 0
    parameters: dict[str, Any] = {}
    preprocess: dict[str, Any] = {}


class Evaluate(Section):
    """The report breaks down the metrics by the values of these columns."""

    slices: tuple[str, ...] = Field(default=(), strict=False)


_TAG = r"^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$"


class Components(Section):
    """The repository that has components for several projects, the version to use, and another one for some of them."""

    repository: str = Field(default="", pattern="^[^-]")
    version: str = Field(default="", pattern=_TAG)
    versions: dict[str, Annotated[str, Field(pattern=_TAG)]] = {}


Number = Annotated[float, Field(allow_inf_nan=False)]
"""A finite number: with an infinite or NaN limit a rule would always pass or never."""


class Gate(Section):
    """The gate's policy, which decides publish or refuse; docs/reference.md lists every setting and rule."""

    minimum: dict[str, Number] = {}
    maximum: dict[str, Number] = {}
    slice_minimum: dict[str, dict[str, Number]] = {}
    slice_maximum: dict[str, dict[str, Number]] = {}
    block: Literal["", "row", "hour", "day", "week", "month"] = ""
    slices: tuple[str, ...] = Field(default=(), strict=False)
    margin: Number = Field(default=0.01, ge=0, lt=1)
    slice_margin: Number = Field(default=0.02, ge=0, lt=1)
    minimum_holdout_rows: int = Field(default=100, ge=1)
    minimum_slice_rows: int = Field(default=500, ge=1)
    maximum_calibration_error: Number = Field(default=0.1, gt=0, lt=1)
    maximum_bundle_mb: Number = Field(default=100, gt=0)
    incomparable: str = ""
    off: tuple[str, ...] = Field(default=(), strict=False)


class Drift(Section):
    """When drift is reported, and what the monitor does then."""

    false_alarm_rate: Number = Field(default=0.01, gt=0, le=0.2)
    minimum_effect: Number = Field(default=0.1, gt=0)
    ignore: tuple[str, ...] = Field(default=(), strict=False)
    window_days: int = Field(default=7, ge=1)
    k: int = Field(default=2, ge=1)
    n: int = Field(default=3, ge=1)
    mode: Literal["issue", "retrain"] = "issue"


class Target(Section):
    """The target: the folder that releases are served from."""

    path: Path = Field(default=Path(".slipway/target"), strict=False)
    allow_prerelease: bool = True


class Trust(Section):
    """The signature that the target requires of a bundle: by a key or by an identity; none is required by default."""

    public_key: Path | None = Field(default=None, strict=False)
    identity: str = ""
    issuer: str = ""
    allow_unsigned: bool | None = None


class Retention(Section):
    """How much `slipway prune` keeps."""

    releases: int = Field(default=10, ge=1)
    runs: int = Field(default=20, ge=1)
