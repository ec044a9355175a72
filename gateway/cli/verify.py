"""`gateway verify [FEATURE]`: the comparison script of a migration."""

import asyncio
import getpass
import json
import signal
import socket
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.status import Status

from gateway.cli.options import Admin as AdminUrl
from gateway.cli.words import console, errors, fail, safe
from gateway.verify.admin import Admin, AdminError
from gateway.verify.documents import as_json, as_junit
from gateway.verify.flags import Change, FlagError
from gateway.verify.load import load_scenario
from gateway.verify.plan import CannotPlayError, Plan
from gateway.verify.run import verify as verify_one
from gateway.verify.schema import Scenario
from gateway.verify.targets import TargetError, check_address, find_targets, sends_first_key
from gateway.verify.terminal import print_report
from gateway.verify.timing import Limits
from gateway.verify.verdict import FeatureResult, Mode

T = TypeVar("T")
DEFAULT_GATEWAY = "http://127.0.0.1:8000"
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MOVING = (
    "playing through the gateway moves the flag of {} for everybody who uses {}, to 0, 100 and 50 %, and back; "
    "add --move-flags where that is meant, or --no-gateway to compare both sides directly and leave the gateway alone"
)


class StoppedError(Exception):
    """Somebody wanted it to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was typed, as it concerns every feature."""

    routes: Path
    legacy: str
    new: str
    gateway: str | None
    modes: frozenset[Mode]
    repeat: int | None
    limits: Limits | None
    change: Change
    keep_going: bool


def verify(
    feature: Annotated[
        str, typer.Argument(help="A feature's name; without one, all that there are scenarios of.")
    ] = "",
    scenarios: Annotated[Path, typer.Option("--scenarios", help="A scenario, or a folder of them.")] = Path(
        "scenarios"
    ),
    routes: Annotated[
        Path, typer.Option("--routes", envvar="GATEWAY_ROUTES", help="Tells where both sides are.")
    ] = Path("routes.yaml"),
    legacy: Annotated[str, typer.Option("--legacy", help="Legacy's address, instead of the one in routes.yaml.")] = "",
    new: Annotated[str, typer.Option("--new", help="New's address, instead of the one in routes.yaml.")] = "",
    gateway: Annotated[str, typer.Option("--gateway", help="Where clients of the gateway connect.")] = DEFAULT_GATEWAY,
    admin: AdminUrl = "",
    mode: Annotated[list[Mode], typer.Option("--mode", help="Only this; repeatable. All by default.")] = [],  # noqa: B006
    no_gateway: Annotated[bool, typer.Option("--no-gateway", help="Only directly: the same as --mode direct.")] = False,
    move_flags: Annotated[bool, typer.Option("--move-flags", help="The gateway's flags may be moved for it.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Through the gateway, too, although new differs directly.")
    ] = False,
    repeat: Annotated[
        int | None,
        typer.Option("--repeat", min=1, max=1000, help="Plays of each mode; as many as it takes by default."),
    ] = None,
    no_timing: Annotated[bool, typer.Option("--no-timing", help="New may be slow.")] = False,
    slower_than: Annotated[
        float, typer.Option("--slower-than", min=0, help="How much slower than legacy new may be, in percent.")
    ] = 10.0,
    slower_by: Annotated[
        float,
        typer.Option("--slower-by-ms", min=0, help="What a request may take longer, whatever that is in percent."),
    ] = 2.0,
    json_file: Annotated[
        str, typer.Option("--json", help="Writes the report as JSON here; - is standard output.")
    ] = "",
    junit_file: Annotated[str, typer.Option("--junit", help="Writes the report as JUnit XML here.")] = "",
    who: Annotated[str, typer.Option("--who", envvar="GATEWAY_WHO", help="Who; by default user@host.")] = "",
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; kept in the flags' history.")] = "gateway verify",
) -> None:
    """Plays the same requests against legacy, new and the gateway, and tells what differs. Exits 1 on a difference,
    2 where it cannot be played.
    """
    loaded = _scenarios(scenarios, feature)
    modes = frozenset({Mode.DIRECT} if no_gateway else mode or Mode)
    asked = _Asked(
        routes=routes,
        legacy=legacy,
        new=new,
        gateway=gateway if modes - {Mode.DIRECT} else None,
        modes=modes,
        repeat=repeat,
        limits=None if no_timing else Limits(slower_than, slower_by / 1000),
        change=Change(who or f"{getpass.getuser()}@{socket.gethostname()}", reason),
        keep_going=keep_going,
    )
    plans = [_plan(file, scenario, asked) for file, scenario in loaded]
    if asked.gateway is not None and not move_flags:
        names = ", ".join(dict.fromkeys(plan.scenario.feature for plan in plans))
        fail(MOVING.format(names, asked.gateway), status=2)
    results = _played(plans, admin, Console(stderr=True) if json_file == "-" else console)
    _write(results, json_file, junit_file)
    if any(result.is_bad for result in results):
        raise typer.Exit(1)


def _scenarios(place: Path, feature: str) -> list[tuple[Path, Scenario]]:
    """Those of the feature, or all. Exits 2 for a fault in any of them, or where there is none."""
    files = sorted([*place.glob("*.yaml"), *place.glob("*.yml")]) if place.is_dir() else [place]
    loaded = [load_scenario(file) for file in files]
    faults = [fault for each in loaded for fault in each.faults]
    for fault in faults:
        print(fault)
    if faults:
        fail(f"{len(faults)} fault{'' if len(faults) == 1 else 's'} in scenarios; nothing was played", status=2)
    found = [(each.file, each.scenario) for each in loaded if each.scenario is not None]
    chosen = [(file, scenario) for file, scenario in found if feature in ("", scenario.feature)]
    if not chosen:
        known = ", ".join(dict.fromkeys(scenario.feature for _, scenario in found)) or "none"
        fail(f"{place} has no scenario of {feature or 'any feature'}; there are: {known}", status=2)
    return chosen


def _plan(file: Path, scenario: Scenario, asked: _Asked) -> Plan:
    """Exits 2 where it cannot be told where to play."""
    through = asked.gateway is not None
    try:
        if asked.gateway is not None:
            check_address("--gateway", asked.gateway)
        targets = find_targets(scenario.feature, asked.routes, legacy=asked.legacy, new=asked.new, needs_routes=through)
        first = through and sends_first_key(scenario.user, targets)
    except TargetError as error:
        fail(str(error), status=2)
    return Plan(
        scenario=scenario,
        file=file,
        legacy=targets.legacy,
        new=targets.new,
        gateway=asked.gateway,
        modes=asked.modes,
        repeat=asked.repeat,
        limits=asked.limits,
        change=asked.change,
        splits_by_user=first,
        keep_going=asked.keep_going,
    )


def _played(plans: Sequence[Plan], admin_url: str, out: Console) -> list[FeatureResult]:
    """All of them, each reported when it is done. Exits 2 where one cannot be played, 128 and the signal's number
    where somebody ended it; the flags are as they were.
    """
    results: list[FeatureResult] = []
    try:
        asyncio.run(_until_stopped(_play_all(plans, admin_url, out, results)))
    except (CannotPlayError, FlagError, AdminError) as error:
        fail(str(error), status=2)
    except StoppedError as stopped:
        errors.print("[yellow]stopped:[/] the flags are as they were")
        raise typer.Exit(128 + stopped.number) from None
    return results


async def _play_all(plans: Sequence[Plan], admin_url: str, out: Console, results: list[FeatureResult]) -> None:
    admin = Admin(admin_url) if any(plan.gateway for plan in plans) else None
    waiting = Console(stderr=True)
    try:
        for plan in plans:
            with waiting.status("") as line:
                result = await verify_one(plan, admin, partial(_tell, line))
            results.append(result)
            print_report(out, result)
    finally:
        if admin is not None:
            await admin.aclose()


def _tell(line: Status, words: str) -> None:
    line.update(safe(words))


async def _until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """The first SIGINT, SIGTERM or SIGHUP cancels it, and it puts back what it has moved; others meanwhile are nothing.
    Raises StoppedError.
    """
    loop, told = asyncio.get_running_loop(), list[int]()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in one

    def stop(number: int) -> None:
        if not told:
            told.append(number)
            task.cancel()

    for number in STOPS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await work
    except asyncio.CancelledError:
        if told:
            raise StoppedError(told[0]) from None
        raise


def _write(results: Sequence[FeatureResult], json_file: str, junit_file: str) -> None:
    """Exits 2 where a file cannot be written: a CI server would read an old one."""
    try:
        if json_file == "-":
            print(json.dumps(as_json(results)))
        elif json_file:
            Path(json_file).write_text(json.dumps(as_json(results), indent=1) + "\n", encoding="utf-8")
        if junit_file:
            Path(junit_file).write_bytes(as_junit(results))
    except OSError as error:
        fail(f"the report cannot be written: {error}", status=2)
