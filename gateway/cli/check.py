"""`gateway check [FILE]`: every fault of a routes.yaml in one run."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.certificate_files import inspection
from gateway.config.load import Loaded, load


def check(
    file: Annotated[Path, typer.Argument(help="The file to check; - reads standard input.")] = Path("routes.yaml"),
    no_files: Annotated[
        bool, typer.Option("--no-files", help="Without a look at the certificates that it names.")
    ] = False,
) -> None:
    """Report every fault of routes.yaml, each with its place and what would be right. Exits 1 where there are any."""
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        print(f"{file}: cannot be read: {error.strerror or error}; give the path of a routes.yaml")
        raise typer.Exit(1) from None
    base = Path.cwd() if str(file) == "-" else file.absolute().parent
    look = None if no_files else inspection(base, now=time.time())
    loaded = load(data, str(file), files=None if no_files else base, inspect=look)
    for line in report(loaded, str(file)):
        print(line)
    if loaded.faults:
        raise typer.Exit(1)


def report(loaded: Loaded, name: str) -> list[str]:
    """The lines that `gateway check` prints: faults, then warnings, then one line that sums up."""
    lines = [str(fault) for fault in loaded.faults]
    lines += [f"{warning} (warning)" for warning in loaded.warnings]
    return [*lines, f"{name}: {_summary(loaded)}"]


def _summary(loaded: Loaded) -> str:
    if loaded.routes is None:
        return f"{_count(len(loaded.faults), 'fault')}, {_count(len(loaded.warnings), 'warning')}"
    routes = loaded.routes
    parts = (_count(len(routes.routes), "route"), _count(len(routes.features), "feature"))
    warned = f", {_count(len(loaded.warnings), 'warning')}" if loaded.warnings else ""
    return f"good: {', '.join(parts)}, {_count(len(routes.upstreams), 'upstream')}{warned}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
