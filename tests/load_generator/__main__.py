"""A load by hand: ``python -m tests.load_generator PORT FILE...``, each file the body of
a request; prints the figures as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from tests.load_generator.generator import generate
from tests.load_generator.load import Load, Question


@click.command()
@click.argument("port", type=int)
@click.argument("files", type=click.Path(exists=True, path_type=Path), nargs=-1, required=True)
@click.option("--rate", type=float, help="Requests a second; without it, a closed loop.")
@click.option("--seconds", type=float, default=5.0, show_default=True)
@click.option("--connections", type=int, default=64, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--token", help="Sent as a bearer token.")
def main(
    port: int,
    files: tuple[Path, ...],
    rate: float | None,
    seconds: float,
    connections: int,
    seed: int,
    token: str | None,
) -> None:
    """Ask a server; its answers are counted, but nothing is known here of what they should be."""
    questions = tuple(Question(file.read_bytes(), None) for file in files)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    load = Load(port, questions, seconds, rate, connections, seed, headers=headers)
    click.echo(json.dumps(generate(load).summary(), indent=2))


if __name__ == "__main__":
    main()
