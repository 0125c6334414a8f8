"""A server that cannot start says why, and one that was asked to stop finishes what it began."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

import pytest

from slipway.errors import BundleError, BusyError, NotFoundError, SettingsError
from slipway.realtime.http.options import Options
from slipway.realtime.http.server import serve
from tests.support.bundles import GOLDEN, flip, make_bundle
from tests.support.running_server import Answer, running


def test_a_target_without_a_champion_tells_to_ship_first(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="has no champion yet; create one with `slipway ship`"):
        serve(Options(port=0), target=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_tampered_champion_is_refused_at_the_start(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "releases")
    flip(tmp_path, bundle)
    (bundle / "model.onnx").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"'model.onnx' in .* has changed"):
        serve(Options(port=0), target=tmp_path)


def test_a_target_and_a_bundle_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="either a target to follow or one fixed bundle"):
        serve(Options(port=0), target=tmp_path, bundle=tmp_path)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BusyError, match=f"port {port} of 127.0.0.1 is in use"):
            serve(Options(port=port), bundle=bundle)


def test_a_second_server_cannot_share_the_port_of_the_first(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    with running(bundle=bundle, workers=1) as first, pytest.raises(BusyError, match=f"port {first.port}"):
        serve(Options(port=first.port), bundle=bundle)


def test_an_address_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on port 0 of 192\.0\.2\.1"):
        serve(Options(host="192.0.2.1", port=0), bundle=make_bundle(tmp_path))


def test_a_stop_while_the_workers_still_start_is_heard(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    for _ in range(6):
        with running(bundle=bundle, workers=3) as server:
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(timeout=60) == 0


def test_a_request_that_was_begun_is_answered_though_the_server_is_stopped(tmp_path: Path) -> None:
    rows = {name: list(values) * 10_000 for name, values in GOLDEN.items()}
    with running(bundle=make_bundle(tmp_path), workers=1) as server:
        got: list[Answer] = []
        caller = threading.Thread(target=lambda: got.append(server.post({"inputs": rows})))
        caller.start()
        # The body is a few megabytes, so it is still being read or worked on now.
        caller.join(timeout=0.05)
        assert server.stop() == 0
        caller.join()
    assert [answer.status for answer in got] == [200]
    assert len(got[0].json["predictions"]) == 50_000
