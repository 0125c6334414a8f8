"""slipway.toml is read once, strictly, and its errors help."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.errors import SettingsError
from slipway.settings.settings import check_contract, load_settings

ROOT = Path(__file__).parents[2]


def refused(tmp_path: Path, old: str, new: str) -> str:
    text = (ROOT / "slipway.toml").read_text()
    assert old in text
    (tmp_path / "slipway.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(SettingsError) as error:
        load_settings(tmp_path / "slipway.toml")
    return str(error.value)


def test_the_committed_contract_is_the_one_the_settings_describe() -> None:
    assert check_contract(load_settings(ROOT / "slipway.toml")) == ROOT / "contract.json"


def line(text: str) -> int:
    """Where the one line with this text stands in the example's settings."""
    (found,) = [n for n, there in enumerate((ROOT / "slipway.toml").read_text().splitlines(), 1) if text in there]
    return found


def test_an_unknown_setting_suggests_the_nearest_and_names_the_line(tmp_path: Path) -> None:
    said = refused(tmp_path, "[gate.minimum]", "[gate.minimun]")
    assert (
        said == f"slipway.toml:{line('[gate.minimum]')}: unknown setting 'gate.minimun'; did you mean 'gate.minimum'?"
    )


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ("holdout_days = 30", 'holdout_days = "thirty"', "", "'split.holdout_days' is \"thirty\": input should be a"),
        ("holdout_days = 30", "holdout_day = 30", "",
         "unknown setting 'split.holdout_day'; did you mean 'split.holdout_days'?"),
        ('by = "time"', 'by = "tme"', "", "'split.by' is \"tme\": input should be 'time', 'hash' or 'group'"),
        ("[split]", "[splitt]", "", "unknown setting 'splitt'; did you mean 'split'?"),
        ('distance = "long"', 'distance = "int"', "", "'features.distance.type' is \"int\": input should be"),
        ('temp = { type = "double", nullable', 'temp = { type = "double", nullble', "",
         "did you mean 'features.temp.nullable'?"),
        ('planes.csv"\nsha256', 'planes.csv"\nsha265', "planes.csv",
         "'data.sources.planes.sha265'; did you mean 'data.sources.planes.sha256'"),
        ('target = "late"', "", "[data]", "the setting 'data.target' is missing"),
        ('block = "day"', 'block = ""', "", "gate.block is required because data.time is 'time'"),
        ('classes = ["on_time", "late"]', 'classes = ["late"]', "", "data.classes must name at least two classes"),
        ('task = "classification"', 'task = "clustering"', "", "'task' is \"clustering\""),
        ("roc_auc = 0.65", "rocauc = 0.65", "", "gate.minimum: unknown metric 'rocauc'; did you mean 'roc_auc'?"),
        ("roc_auc = 0.95", "rmse = 9", "", "gate.maximum: unknown metric 'rmse'; choose one of roc_auc, "),
        ("roc_auc = 0.65", "roc_auc = 65", "", "gate.minimum.roc_auc is 65, but roc_auc is always between 0 and 1"),
        ("roc_auc = 0.95", "roc_auc = 1", "", "gate.maximum.roc_auc is 1 and refuses nothing, because"),
        ("minimum_rows =", "minimun_rows =", "",
         "unknown setting 'validate.minimun_rows'; did you mean 'validate.minimum_rows'?"),
        ("class_share = { late", "class_share = { lat", "",
         "validate.class_share: unknown class 'lat'; did you mean 'late'?"),
        ("distance = [10, 6000]", "distance = [10, 6]", "",
         "validate.ranges.distance is from 10 to 6, which no data can meet"),
        ("distance = [10, 6000]", "distance = [nan, 6]", "", "validate.ranges.distance is from nan to 6, which no data"),
        ("distance = [10, 6000]", "distance = [10]", "",
         "validate.ranges.distance is [10], but must be [low, high]"),
        ("temp = 0.02", "temp = 2", "", "'validate.maximum_null_share.temp' is 2: input should be less than or equal"),
        ('slices = ["origin"]\n\n[gate]', 'slices = ["origin"]\n\n[drift]\nignore = ["tempp"]\n\n[gate]', 'block = "day"',
         "drift.ignore: the model has no column 'tempp'; did you mean 'temp'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_in_the_file(
    tmp_path: Path, old: str, new: str, where: str, said: str
) -> None:
    told = refused(tmp_path, old, new).splitlines()
    number = line(where) if where else line(old.splitlines()[0])
    assert any(one.startswith(f"slipway.toml:{number + (where == 'planes.csv')}: ") and said in one for one in told), (
        told
    )


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = (ROOT / "slipway.toml").read_text().replace("seed = 0", "sed = 0").replace("[split]", "[splitt]")
    (tmp_path / "slipway.toml").write_text(text)
    with pytest.raises(SettingsError) as error:
        load_settings(tmp_path / "slipway.toml")
    assert [one.split(": ")[1][:15] for one in str(error.value).splitlines()] == ["unknown setting"] * 2


def test_a_file_that_is_no_toml_is_named_with_the_line(tmp_path: Path) -> None:
    assert f"(at line {line('holdout_days')}, column " in refused(
        tmp_path, "holdout_days = 30", "holdout_days = thirty"
    )


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        (
            'distance = "long"',
            'flight distance = "long"',
            '; put a name with a space in quotes: "flight distance" = ...',
        ),
        ("seed = 0", "seed = none", '; put text in quotes: "none"'),
        ("through = 2013-09-30", "through = 30.9.2013", ""),
        ('by = "time"', "by = time # the last days", '; put text in quotes: "time"'),
        (
            "allow_prerelease = true",
            "allow_prerelease = True",
            "; write true or false, in lower case and without quotes",
        ),
        (
            "allow_prerelease = true",
            "allow_prerelease = yes",
            "; write true or false, in lower case and without quotes",
        ),
        ("allow_prerelease = true", "allow_prerelease = ", ""),
    ],
)
def test_a_frequent_mistake_in_toml_has_a_hint_after_the_line(tmp_path: Path, old: str, new: str, hint: str) -> None:
    said = refused(tmp_path, old, new)
    assert f"(at line {line(old)}, column " in said
    assert said.endswith(hint or ")")


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("through = 2013-09-30", 'through = "2013-09-30"', "; write it without quotes: 2013-09-30"),
        ("through = 2013-09-30", 'through = "September"', ""),
        ("allow_prerelease = true", 'allow_prerelease = "true"', "; write it without quotes: true"),
        ("holdout_days = 30", 'holdout_days = "30"', "; write it without quotes: 30"),
        ("\nmargin = 0.02", '\nmargin = "0.02"', "; write it without quotes: 0.02"),
    ],
)
def test_a_value_in_needless_quotes_is_recognized(tmp_path: Path, old: str, new: str, hint: str) -> None:
    said = refused(tmp_path, old, new)
    assert said.endswith(hint)
    assert bool(hint) == ("quotes" in said)


@pytest.mark.parametrize("features", ["3", "['a']"])
def test_features_that_are_no_table_are_refused(tmp_path: Path, features: str) -> None:
    (tmp_path / "slipway.toml").write_text(f"features = {features}\nname = 'a'\n")
    with pytest.raises(SettingsError, match="slipway.toml:1: 'features' is "):
        load_settings(tmp_path / "slipway.toml")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("split.holdout_dais=3", "--set: unknown setting 'split.holdout_dais'; did you mean 'split.holdout_days'?"),
        ("split.holdout_days=many", "--set: 'split.holdout_days' is \"many\": "),
        ("splt.by=hash", "--set: unknown setting 'splt'; did you mean 'split'?"),
        ("name.first=a", "--set name.first: 'name' is a value, not a section"),
        ("max_iter=3", "--set takes section.name=value"),
    ],
)
def test_a_mistake_in_an_override_is_not_blamed_on_the_file(override: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(ROOT / "slipway.toml", [override])
    assert str(error.value).startswith(said)


def test_the_target_cannot_be_a_feature(tmp_path: Path) -> None:
    assert "must not be an input of the model" in refused(tmp_path, 'carrier = "string"', 'late = "string"')


@pytest.mark.parametrize("override", ["gate.margin=1", "gate.minimum.roc_auc=0"])
def test_an_override_cannot_touch_the_gate(override: str) -> None:
    with pytest.raises(SettingsError, match="cannot touch the gate"):
        load_settings(ROOT / "slipway.toml", [override])


def test_an_override_of_an_unknown_train_setting_is_a_parameter_of_the_estimator() -> None:
    settings = load_settings(ROOT / "slipway.toml", ["train.max_iter=300"])
    assert settings.train.parameters["max_iter"] == 300


def test_a_missing_file_is_named_whole_so_that_a_reader_sees_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(tmp_path / "deep" / ".." / "slipway.toml")
    assert f"{tmp_path}/slipway.toml does not exist" in str(error.value)


def test_a_file_that_cannot_be_read_is_not_reported_as_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: Is a directory; run slipway in the folder that contains"):
        load_settings(tmp_path)


@pytest.mark.parametrize("bar", ["nan", "inf", "-inf", "true", '"0.6"'])
@pytest.mark.parametrize(
    ("setting", "old", "new"),
    [
        ("gate.minimum.roc_auc", "roc_auc = 0.65", "roc_auc = {}"),
        ("gate.maximum.roc_auc", "roc_auc = 0.95", "roc_auc = {}"),
        ("gate.slice_minimum.origin.roc_auc", "[target]", "[gate.slice_minimum.origin]\nroc_auc = {}\n[target]"),
        ("gate.slice_margin", "slice_margin = 0.04", "slice_margin = {}"),
        ("gate.maximum_bundle_mb", 'block = "day"', 'block = "day"\nmaximum_bundle_mb = {}'),
    ],
)
def test_a_bar_of_the_gate_that_is_no_finite_number_is_refused(
    tmp_path: Path, setting: str, old: str, new: str, bar: str
) -> None:
    assert f"'{setting}' is " in refused(tmp_path, old, new.format(bar))


@pytest.mark.parametrize("bar", ["1", "1.5", "-0.1"])
def test_a_margin_that_lets_everything_or_nothing_pass_is_refused(tmp_path: Path, bar: str) -> None:
    assert "'gate.margin' is " in refused(tmp_path, "\nmargin = 0.02", f"\nmargin = {bar}")


def test_bounds_of_slices_stand_under_their_column_and_may_be_whole_numbers(tmp_path: Path) -> None:
    said = refused(tmp_path, "[gate.minimum]", "[gate.slice_minimum]\nroc_auc = 0.6\n[gate.minimum]")
    assert "'gate.slice_minimum.roc_auc' is 0.6: input should be a valid dictionary" in said
    text = (ROOT / "slipway.toml").read_text() + "[gate.slice_maximum.origin]\nlog_loss = 1\n"
    (tmp_path / "slipway.toml").write_text(text)
    assert load_settings(tmp_path / "slipway.toml").gate.slice_maximum == {"origin": {"log_loss": 1.0}}


def test_refusing_unsigned_bundles_takes_a_signer(tmp_path: Path) -> None:
    old, new = "[target]\n", "[trust]\nallow_unsigned = false\n\n[target]\n"
    assert "trust must name a signer: public_key, or identity and issuer" in refused(tmp_path, old, new)
    (tmp_path / "slipway.toml").write_text((tmp_path / "slipway.toml").read_text().replace("= false", "= true"))
    assert load_settings(tmp_path / "slipway.toml").trust.allow_unsigned


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('repository = "../c"', "components.repository and components.version are both required, or neither"),
        ('versions = { train = "v1.0.0" }', "components.versions requires components.repository"),
        (
            'repository = "https://me:secret@example.org/c"\nversion = "v1.0.0"',
            "components.repository must not contain a password or token",
        ),
        (
            'repository = "--upload-pack=x"\nversion = "v1.0.0"',
            "'components.repository' is \"--upload-pack=x\": string",
        ),
        ('repository = "../c"\nversion = "1.2"', "'components.version' is \"1.2\": string should match pattern"),
        (
            'repository = "../c"\nversion = "v1.0.0"\nversions = { train = "main" }',
            "'components.versions.train' is \"main\": string should match pattern",
        ),
    ],
)
def test_a_components_repository_is_named_with_a_release_and_without_a_secret(
    tmp_path: Path, lines: str, said: str
) -> None:
    assert said in refused(tmp_path, "[split]", f"[components]\n{lines}\n\n[split]")
