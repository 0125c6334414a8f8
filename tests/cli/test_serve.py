"""The options of `slipway serve` reach the server in its own units, and their former names are refused."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from slipway.cli.main import slipway
from slipway.realtime.http import server
from slipway.realtime.http.options import Options


def serve(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(slipway, ["serve", "--bundle", "bundle", *arguments])
    return done.exit_code, done.output


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    options: list[Options] = []
    monkeypatch.setattr(server, "serve", lambda given, **_: options.append(given))
    return options


def test_milliseconds_megabytes_and_seconds_become_seconds_and_bytes(started: list[Options]) -> None:
    assert serve("--max-wait-ms", "40", "--max-body-mb", "0.5", "--body-timeout", "1.5") == (0, "")
    (options,) = started
    assert (options.max_wait_seconds, options.max_body_bytes, options.body_timeout) == (0.04, 512 << 10, 1.5)


def test_the_defaults_of_the_command_are_those_of_the_server(started: list[Options]) -> None:
    assert serve("--workers", "2") == (0, "")
    assert started == [Options()]


@pytest.mark.parametrize(
    ("former", "new"),
    [("--longest-wait", "--max-wait-ms"), ("--largest-body", "--max-body-mb"), ("--body-seconds", "--body-timeout")],
)
def test_a_former_name_is_refused_with_the_new_one(started: list[Options], former: str, new: str) -> None:
    code, output = serve(former, "20")
    assert (code, started) == (2, [])
    assert f"`{former}` is now `{new}`" in output
