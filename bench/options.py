"""What people type behind `python -m bench`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from bench.contestants.ours import Ours
from bench.plan import GROUPS, Pace

QUICK = Pace(rounds=1, seconds=0.5, changes=25)
QUICK_GROUPS = tuple(group for group in GROUPS if group != "down-100m")
Amount = TypeVar("Amount", int, float)
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Options:
    """only: names of contestants, empty for all; results: where files are written, None for nowhere."""

    ours: tuple[Ours, ...]
    only: tuple[str, ...]
    groups: tuple[str, ...]
    pace: Pace
    quick: bool
    loaders: int
    results: Path | None


def parse(words: Sequence[str], names: Sequence[str]) -> Options:
    """names: of the peers. Exits with what is wrong."""
    parser = _parser(names)
    given = parser.parse_args(words)
    pace = QUICK if given.quick else Pace()
    for name in ("rounds", "seconds"):
        if getattr(given, name) is not None:
            pace = replace(pace, **{name: getattr(given, name)})
    ours = tuple(given.ours or [Ours("ours", Path(sys.executable))])
    all_names = [*(each.name for each in ours), *names]
    if len(set(all_names)) < len(all_names):
        parser.error(f"--ours: names must differ, also from the peers': {', '.join(all_names)}")
    only = _listed(parser, "--only", given.only, all_names)
    groups = _listed(parser, "--workloads", given.workloads, GROUPS)
    part = bool(given.only or given.workloads or given.ours or given.rounds or given.seconds)
    return Options(
        ours=ours,
        only=only,
        groups=groups or (QUICK_GROUPS if given.quick else GROUPS),
        pace=pace,
        quick=given.quick,
        loaders=given.loaders,
        results=given.results or (None if part else HERE),
    )


def _parser(names: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="The gateway beside its peers, with the same work to do."
    )
    parser.add_argument("--only", default="", help=f"of ours, {', '.join(names)}; with commas")
    parser.add_argument("--workloads", default="", help=f"of {', '.join(GROUPS)}; with commas")
    parser.add_argument("--rounds", type=_count)
    parser.add_argument("--seconds", type=_seconds, help="of each measurement")
    parser.add_argument("--quick", action="store_true", help="one short round: under three minutes, and less sure")
    parser.add_argument("--loaders", type=_count, default=1, help="processes that make the load")
    parser.add_argument(
        "--ours",
        action="append",
        type=_named,
        metavar="NAME=PYTHON",
        help="a gateway under another name, by the interpreter of its environment; repeatable",
    )
    parser.add_argument(
        "--results", type=Path, help="directory for results.json, results.svg and RESULTS.md; bench/ for whole runs"
    )
    return parser


def _count(text: str) -> int:
    return _over_0(int(text))


def _seconds(text: str) -> float:
    return _over_0(float(text))


def _over_0(value: Amount) -> Amount:
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{value} is not over 0")
    return value


def _named(text: str) -> Ours:
    name, _, python = text.partition("=")
    if not (name and python):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PYTHON")
    return Ours(name, Path(python).absolute())


def _listed(parser: argparse.ArgumentParser, option: str, text: str, known: Sequence[str]) -> tuple[str, ...]:
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    for word in found:
        if word not in known:
            parser.error(f"{option}: there is no {word!r}; of {', '.join(known)}")
    return found
