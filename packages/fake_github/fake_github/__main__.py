"""The fake as a program, beside ``act`` for one: ``python -m fake_github BARE --token "contents=write"``.

It prints one line of JSON with the URL and the tokens, then one for each request, event and dispatch as it happens.
It ends at SIGTERM or SIGINT, and when its standard input is a pipe that closes: it never outlives a test.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import stat
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .fake import GitHub


def main() -> None:
    options = parsed()
    settings = {"private": options.private, "immutable_releases": options.immutable}
    with GitHub(options.bare, options.repository, port=options.port, **settings) as github:
        tokens = [github.token(**permissions(text)) for text in options.token]
        say(url=github.url, repository=github.full_name, tokens=tokens)
        follow(github, stop_sign())


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fake_github", description=__doc__)
    parser.add_argument("bare", type=Path, help="the bare git repository behind it")
    parser.add_argument("--repository", default="octo/flights", help="OWNER/NAME")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--private", action="store_true", help="a private repository")
    parser.add_argument("--immutable", action="store_true", help="with immutable releases")
    parser.add_argument("--token", action="append", default=[], help='permissions of one, "contents=write,issues=read"')
    return parser.parse_args()


def permissions(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(",") if part)


def stop_sign() -> threading.Event:
    """Set when it is time to end."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=wait_for_end, args=(stopped,), daemon=True).start()
    return stopped


def wait_for_end(stopped: threading.Event) -> None:
    sys.stdin.read()
    stopped.set()


def follow(github: GitHub, stopped: threading.Event) -> None:
    """Print what is new, ten times a second, and once more at the end."""
    said: dict[str, int] = {}
    while True:
        last = stopped.wait(0.1)
        for kind, news in happenings(github).items():
            for item in news[said.get(kind, 0) :]:
                say(**{kind: item})
            said[kind] = len(news)
        if last:
            return


def happenings(github: GitHub) -> dict[str, list[Any]]:
    finished = [exchange for exchange in github.exchanges if exchange.answer]
    return {
        "request": [[str(exchange.request), exchange.answer and exchange.answer.status] for exchange in finished],
        "unknown": list(github.unknown),
        "event": [asdict(event) for event in github.events],
        "dispatch": [dispatch.event for dispatch in github.dispatches],
    }


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
