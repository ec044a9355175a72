"""`python -m bench.shadow`: users' latency and errors with all requests shadowed, and with none, in turn.

For each state of the shadowed side: one gateway, rounds that alternate between no shadow and all, at one constant rate
of requests (open loop: latency counts from when a request was due), and what the worker spent on each request.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.figures import percentile
from bench.ports import free_port
from bench.program import Program
from bench.shadow.subject import Subject

MODES: Final = ("healthy", "hung", "refusing", "garbage", "huge")
CONNECTIONS: Final = 32
WIDTH: Final = 140
COLUMNS: Final = ("p50 ms", "p99 ms", "p99.9 ms", "errors", "worker CPU us/request", "worker MiB")


def main() -> int:
    """Returns the exit status: 1 where a user met an error."""
    parser = argparse.ArgumentParser(prog="python -m bench.shadow", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each, alternating (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round (default %(default)s)")
    parser.add_argument("--rate", type=float, default=1500.0, help="requests a second (default %(default)s)")
    parser.add_argument("--only", default=",".join(MODES), help="states of the shadowed side (default: all)")
    parser.add_argument("--json", type=Path, help="all figures, to this file")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bench-shadow-") as directory:
        for mode in options.only.split(","):
            figures[mode] = measured(Path(directory), mode, options)
            console.print(_table(mode, figures[mode]))
            console.print()
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return (
        1
        if any(round_["errors"] for each in figures.values() for kind in ("off", "on") for round_ in each[kind])
        else 0
    )


def measured(directory: Path, mode: str, options: argparse.Namespace) -> dict[str, Any]:
    """Rounds without a shadow (off) and with (on), and what became of the copies."""
    found: dict[str, Any] = {"off": [], "on": []}
    legacy, new = free_port(), free_port()
    with (
        Program("bench.origin", "legacy", str(legacy)),
        _shadowed(mode, new),
        Program("bench.loader") as loader,
        Subject(directory / mode, legacy=legacy, new=new) as subject,
    ):
        loader.ask(within=60, do="open", port=subject.port, connections=CONNECTIONS, work="get")
        loader.ask(within=60, do="open_loop", rate=options.rate, seconds=1.0)
        for _ in range(options.rounds):
            for kind, percent in (("off", 0), ("on", 100)):
                subject.shadow(percent)
                found[kind].append(_round(loader, subject, options))
        loader.ask(within=60, do="close")
        found["outcomes"] = subject.outcomes()
    return found


@contextlib.contextmanager
def _shadowed(mode: str, port: int) -> Iterator[None]:
    if mode == "refusing":
        yield
        return
    with Program("bench.shadow.shadowed", mode, str(port)):
        yield


def _round(loader: Program, subject: Subject, options: argparse.Namespace) -> dict[str, float]:
    before = subject.cpu()
    said = loader.ask(within=options.seconds + 60, do="open_loop", rate=options.rate, seconds=options.seconds)
    spent = subject.cpu() - before
    latencies = sorted(said["latencies"])
    return {
        "p50 ms": percentile(latencies, 50) / 1000,
        "p99 ms": percentile(latencies, 99) / 1000,
        "p99.9 ms": percentile(latencies, 99.9) / 1000,
        "errors": len(said["errors"]),
        "worker CPU us/request": 1e6 * spent / max(1, said["replies"]),
        "worker MiB": subject.rss_mib(),
    }


def _table(mode: str, found: dict[str, Any]) -> Table:
    outcomes = ", ".join(f"{name} {number:,}" for name, number in found["outcomes"].items())
    title = f"shadowed side: {mode} ({outcomes or 'no copies'})"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("shadow")
    for column in COLUMNS:
        table.add_column(f"{column} (min..max)", justify="right")
    for kind, name in (("off", "none"), ("on", "100 %")):
        rounds = found[kind]
        table.add_row(name, *(_spread([each[column] for each in rounds]) for column in COLUMNS))
    ratios = [
        f"{statistics.median(each['on']) / statistics.median(each['off']):.2f}"
        if statistics.median(each["off"])
        else ""
        for each in ({kind: [round_[column] for round_ in found[kind]] for kind in ("off", "on")} for column in COLUMNS)
    ]
    table.add_row("ratio", *ratios)
    return table


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
