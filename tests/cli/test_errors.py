"""Each kind of error has an exit code of its own and a whole sentence, which is written down as the user reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.errors import ERRORS, SlipwayError
from tests.cli.error_scenarios import MESSAGES, SCENARIOS, message_of

WRITTEN = dict(zip((error.__name__ for error in ERRORS), MESSAGES.read_text().splitlines(), strict=True))


def test_every_kind_of_error_can_be_met() -> None:
    assert SCENARIOS.keys() == set(ERRORS)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_ends_with_its_exit_code_and_its_sentence(error: type[SlipwayError], tmp_path: Path) -> None:
    ended = SCENARIOS[error](tmp_path)
    assert ended.returncode == error.exit_code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert message_of(ended, tmp_path) == WRITTEN[error.__name__]
