"""`slipway serve` against `mlflow models serve`: the same bundle, requests and cores, in turns.

Run it with ``python -m tests.benchmarks.realtime``; docs/benchmarks.md says what is measured and how.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from tests.benchmarks.serving.figures import medians, show
from tests.benchmarks.serving.install import megabytes
from tests.benchmarks.serving.measure import Plan, measured
from tests.benchmarks.serving.peers import peers
from tests.benchmarks.serving.questions import golden_of
from tests.benchmarks.serving.servers import Server, mlflow, slipway
from tests.support.flights import ship

ONE_ROW = ((1, 1), (1, 16), (1, 64))
SHAPES = (*ONE_ROW, (10, 16), (100, 16), (10_000, 2))


def tell(line: str) -> None:
    """Progress, which is not part of the result."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def champion(bundle: Path | None) -> Iterator[Path]:
    """The bundle that was named, or else the example's, shipped in a scratch project."""
    if bundle is not None:
        yield bundle.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="realtime-") as folder:
        tell("shipping the example in a scratch project ...")
        yield ship(Path(folder, "repository")).bundle


def compare(servers: list[Server], bundle: Path, plan: Plan, rounds: int) -> dict[str, dict[str, float]]:
    """The medians of each server; each round starts, measures and stops one after the other."""
    golden = golden_of(bundle)
    taken: dict[str, list[dict[str, float]]] = {server.name: [] for server in servers}
    for number in range(rounds):
        for server in servers:
            prefix = f"[{number + 1}/{rounds}] {server.name}: "
            taken[server.name].append(measured(server, golden, plan, lambda line, prefix=prefix: tell(prefix + line)))  # type: ignore[misc]
    return {name: medians(each) for name, each in taken.items()}


@click.command()
@click.option("--bundle", type=click.Path(exists=True, path_type=Path), help="Measured instead of the example's.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=3.0, show_default=True, help="Length of each measurement.")
@click.option("--quick", is_flag=True, help="One short round with one-row requests.")
@click.option("--large", is_flag=True, help="Only what small requests wait beside requests of 10,000 rows.")
@click.option(
    "--peers", "with_peers", is_flag=True, help="Other servers instead of MLflow's, those that are installed."
)
@click.option("--peer-python", type=click.Path(exists=True), multiple=True, help="A Python with other servers.")
@click.option("--install-size", is_flag=True, help="Only the size of the environments, which are made for it.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Where to write the figures too.")
def main(
    bundle: Path | None,
    rounds: int,
    seconds: float,
    quick: bool,
    large: bool,
    with_peers: bool,
    peer_python: tuple[str, ...],
    install_size: bool,
    file: Path | None,
) -> None:
    """Measure, and print a table."""
    if install_size:
        sizes = {group: megabytes(group) for group in ("serving", "training")}
        click.echo("\n".join(f"{group:<10}{size:6.0f} MB" for group, size in sizes.items()))
        keep({"install, MB": sizes}, file)
        return
    shapes = ONE_ROW if quick or with_peers else SHAPES
    plan = Plan(shapes, 2.0 if quick else seconds, open_loop=True, large=large)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bundle = stack.enter_context(champion(bundle))
        theirs = peers(bundle, peer_python) if with_peers else [mlflow(bundle, workers) for workers in (1, 2)]
        report(compare([slipway(bundle, folder), *theirs], bundle, plan, 1 if quick else rounds), file)


def report(found: dict[str, dict[str, float]], file: Path | None) -> None:
    """Show the figures, and keep them when asked to."""
    first, *others = found
    show(found[first], {name: found[name] for name in others})
    keep(found, file)


def keep(found: dict[str, dict[str, float]], file: Path | None) -> None:
    """Write the figures to a file, with the options that they were measured with."""
    if file is not None:
        file.write_text(json.dumps({"options": sys.argv[1:], "figures": found}, indent=2))


if __name__ == "__main__":
    main()
