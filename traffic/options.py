"""What one may ask for on the command line. A load generator aims at this machine unless somebody says otherwise."""

import argparse
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from traffic.browser import Target
from traffic.journeys import JOURNEYS
from traffic.ramp import Ramp

MAX_RATE = 1000.0
MAX_SECONDS = 86_400.0
MAX_AT_ONCE = 5000
MAX_USERS = 1_000_000
Amount = TypeVar("Amount", int, float)


@dataclass(frozen=True, slots=True)
class Options:
    """As given, checked. features: empty for all that the gateway has. json: a file for the report."""

    gateway: Target
    admin: Target
    rate: float
    seconds: float
    users: int | None
    most: int
    seed: int
    think: float
    journeys: tuple[str, ...]
    ramp: Ramp | None
    features: tuple[str, ...]
    who: str
    audits: int
    patience: float
    job_seconds: float
    json: Path | None


def parse(arguments: Sequence[str]) -> Options:
    """Exits with status 2, and words, for what makes no sense."""
    parser = parser_of_traffic()
    given = parser.parse_args(arguments)
    for target, option in ((given.gateway, "--gateway"), (given.admin, "--admin")):
        if not (target.is_loopback or given.allow_remote):
            parser.error(f"{option}: {target.host} is another machine; if it may be loaded, add --allow-remote")
    return Options(
        gateway=given.gateway,
        admin=given.admin,
        rate=given.rate,
        seconds=given.seconds,
        users=given.users,
        most=given.most,
        seed=secrets.randbelow(1_000_000) if given.seed is None else given.seed,
        think=given.think,
        journeys=_names(parser, given.journeys),
        ramp=_ramp(parser, given),
        features=tuple(name for name in given.features.split(",") if name),
        who=given.who,
        audits=given.audit,
        patience=given.patience,
        job_seconds=given.job_seconds,
        json=given.json,
    )


def parser_of_traffic() -> argparse.ArgumentParser:
    """All options; the documentation is held against them."""
    parser = argparse.ArgumentParser(
        prog="make traffic",
        description="Users who go through whole journeys, at a given rate, and what became of each step.",
        epilog="journeys: " + "; ".join(f"{each.name} ({each.what})" for each in JOURNEYS.values()),
    )
    add = parser.add_argument
    add("--gateway", type=_target, default="http://127.0.0.1:8000", help="where users connect")
    add("--rate", type=_up_to(MAX_RATE), default=2.0, help="journeys begun a second, whatever becomes of them")
    add("--seconds", type=_up_to(MAX_SECONDS), default=60.0, help="for so long journeys begin")
    add("--users", type=_up_to(MAX_USERS), help="at most so many journeys")
    add("--most", type=_up_to(MAX_AT_ONCE), default=100, help="under way at once; those beyond are not begun")
    add("--seed", type=int, help="the dice; by default others each time, told at the start")
    add("--think", type=_from_0, default=0.0, help="seconds between two steps, on average")
    add("--journeys", default=",".join(JOURNEYS), help="only these kinds, with commas between")
    add("--patience", type=_up_to(600.0), default=30.0, help="seconds that an answer may take")
    add("--job-seconds", type=_up_to(3600.0), default=120.0, help="seconds that an analysis may take")
    add("--audit", type=_at_least_0, default=100, help="users who come back at the end")
    add("--json", type=Path, help="writes the report to this file too")
    add("--allow-remote", action="store_true", help="the gateway may be on another machine")
    flags = parser.add_argument_group("moving the flags meanwhile")
    add = flags.add_argument
    add("--ramp", metavar="A:B", help="from A percent to B while the run lasts, such as 1:100")
    add("--shuffle", action="store_true", help="any percent of the ramp in no order; without --ramp 0:100")
    add("--every", type=_up_to(3600.0), default=1.0, help="seconds between two changes")
    add("--features", default="", help="only these, with commas between")
    add("--admin", type=_target, default=os.environ.get("GATEWAY_ADMIN", "http://127.0.0.1:8001"), help="admin port")
    add("--who", default=os.environ.get("GATEWAY_WHO", ""), help="recorded with the changes; by default user@host")
    return parser


def _ramp(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Ramp | None:
    if given.ramp is None and not given.shuffle:
        if given.features:
            parser.error("--features: says which flags --ramp or --shuffle move; neither is given")
        return None
    try:
        return Ramp.parse(given.ramp or "0:100", every=given.every, shuffle=given.shuffle)
    except ValueError as error:
        parser.error(f"--ramp: {error}")


def _names(parser: argparse.ArgumentParser, text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in JOURNEYS:
            parser.error(f"--journeys: there is no {name!r}; of {', '.join(JOURNEYS)}")
    return names or tuple(JOURNEYS)


def _target(text: str) -> Target:
    try:
        return Target.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _up_to(limit: Amount) -> Callable[[str], Amount]:
    """Over 0, and of the limit's type."""
    kind = type(limit)

    def read(text: str) -> Amount:
        value = _number(kind, text)
        if not 0 < value <= limit:
            raise argparse.ArgumentTypeError(f"{text} is not over 0 and at most {limit:g}")
        return value

    return read


def _from_0(text: str) -> float:
    value = _number(float, text)
    if not 0 <= value <= 600:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 600")
    return value


def _at_least_0(text: str) -> int:
    value = _number(int, text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value


def _number(kind: type[Amount], text: str) -> Amount:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
