"""A run from its preparations to its report: flags looked at, journeys played, flags put back, users audited."""

import asyncio
import contextlib
import getpass
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console

from traffic.browser import Browser
from traffic.failures import NoAnswerError
from traffic.flags import Flag, Flags, FlagsError
from traffic.journeys import JOURNEYS
from traffic.mover import Mover, movable
from traffic.options import Options
from traffic.pacing import Pace
from traffic.people import chance_of
from traffic.ramp import Ramp
from traffic.report import Outcome
from traffic.run import STOP_SECONDS, Plan, Run, Stop
from traffic.screen import Screen, print_outcome
from traffic.tally import Tally
from traffic.visitor import Habits
from traffic.wire import Request

STOPPED_BY = (signal.SIGINT, signal.SIGTERM)


class CannotBeginError(Exception):
    """The message says what is missing, and what to do."""


async def session(options: Options, out: Console) -> int:
    """Returns the exit status. Raises CannotBeginError; then nothing was done."""
    await _look_for_the_gateway(options)
    tally, stop = Tally(), Stop()
    mover = await _mover(options, stop)
    screen = Screen(out, tally, mover)
    plan = plan_of(options)
    run = Run(plan, tally, stop, screen.tell)
    out.print(_heading(options, plan), soft_wrap=True)
    began, cpu = time.monotonic(), time.process_time()
    with _signals(stop, run, out):
        async with screen.watching():
            put_back = await _play(run, mover)
            await run.audit()
    outcome = Outcome(
        *(tally, _asked(options), time.monotonic() - began, time.process_time() - cpu),
        moved=list(mover.moved.values()) if mover is not None else (),
        put_back=put_back,
        signal=stop.signal,
    )
    print_outcome(out, outcome)
    _write(options.json, outcome)
    return outcome.status


async def _play(run: Run, mover: Mover | None) -> bool:
    """All journeys, while flags move where they are to; whether all flags are back as they were."""
    if mover is None:
        await run.play()
        return True
    moving = asyncio.create_task(mover.move(), name="ramp")
    try:
        await run.play()
    finally:
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)
        put_back = await mover.put_back()
    return put_back


def plan_of(options: Options) -> Plan:
    """What the options ask of a run. Every call has users of its own."""
    return Plan(
        target=options.gateway,
        pace=Pace(options.rate, options.seconds, options.users),
        journeys={name: JOURNEYS[name] for name in options.journeys},
        habits=Habits(think_seconds=options.think, job_seconds=options.job_seconds),
        most=options.most,
        seed=options.seed,
        tag=secrets.token_hex(4),
        patience=options.patience,
        audits=options.audits,
    )


async def _look_for_the_gateway(options: Options) -> None:
    browser = Browser(options.gateway, "traffic", patience=options.patience)
    where = f"{options.gateway.scheme}://{options.gateway.authority}"
    try:
        answer = await browser.ask(Request("GET", "/api/v1/auth/config"))
    except NoAnswerError as error:
        raise CannotBeginError(
            f"nobody answers on {where} ({error}); is it running, and is --gateway right?"
        ) from error
    finally:
        await browser.close()
    if answer.status == 404:
        raise CannotBeginError(f"{where} has no /api/v1/auth/config: it does not serve the sample application")


async def _mover(options: Options, stop: Stop) -> Mover | None:
    """Raises CannotBeginError for flags that cannot be moved, or be put back."""
    ramp = options.ramp
    if ramp is None:
        return None
    who = options.who or f"{getpass.getuser()}@{socket.gethostname()}"

    def flags() -> Flags:
        return Flags(options.admin, token=_token(os.environ), who=who, reason=_reason(ramp, options.seed))

    looking = flags()
    try:
        chosen = _chosen(await looking.every(), options.features)
    except FlagsError as error:
        raise CannotBeginError(str(error)) from error
    finally:
        await looking.close()
    plans = {
        flag.feature: ramp.percents(options.seconds, chance_of(options.seed, -2 - number))
        for number, flag in enumerate(chosen)
    }
    return Mover(chosen, plans, flags=flags, every=ramp.every, clock=time.monotonic, rest=stop.rest)


def _chosen(there: Mapping[str, Flag], names: tuple[str, ...]) -> list[Flag]:
    unknown = [name for name in names if name not in there]
    if unknown or not there:
        raise CannotBeginError(f"there is no feature {', '.join(unknown)}; there are {', '.join(there) or 'none'}")
    chosen = [there[name] for name in dict.fromkeys(names or tuple(there))]
    reasons = [reason for flag in chosen if (reason := movable(flag))]
    if reasons:
        raise CannotBeginError("; ".join(reasons))
    return chosen


def _token(environment: Mapping[str, str]) -> str | None:
    """Of the admin port, from where `gateway flag` takes it too. Raises CannotBeginError; no message repeats it."""
    if found := environment.get("GATEWAY_ADMIN_TOKEN", "").strip():
        return found
    named = environment.get("GATEWAY_ADMIN_TOKEN_FILE", "")
    try:
        return Path(named).read_text(encoding="utf-8").strip() if named else None
    except (OSError, UnicodeDecodeError) as error:
        raise CannotBeginError(f"GATEWAY_ADMIN_TOKEN_FILE cannot be read: {type(error).__name__}") from error


def _reason(ramp: Ramp, seed: int) -> str:
    return f"traffic: {'any of ' if ramp.shuffle else ''}{ramp.first}:{ramp.last} every {ramp.every:g} s, seed {seed}"


def _heading(options: Options, plan: Plan) -> str:
    moving = f"; flags: {_reason(options.ramp, options.seed)}" if options.ramp is not None else ""
    return (
        f"{plan.pace.total} journeys at {options.rate:g} a second, at most {options.most} at once, "
        f"seed {options.seed}, users user-N.{plan.tag}@...{moving}"
    )


def _asked(options: Options) -> dict[str, object]:
    """For the report; how to do it again."""
    return {
        "gateway": f"{options.gateway.scheme}://{options.gateway.authority}",
        "rate": options.rate,
        "seconds": options.seconds,
        "users": options.users,
        "most": options.most,
        "seed": options.seed,
        "think": options.think,
        "journeys": list(options.journeys),
        "ramp": _reason(options.ramp, options.seed) if options.ramp is not None else None,
    }


@contextlib.contextmanager
def _signals(stop: Stop, run: Run, out: Console) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM: no new journeys. The second: those under way are ended."""
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set:
            run.give_up()
            return
        out.print(f"stopping: those under way have {STOP_SECONDS:g} s to finish; once more ends them at once")
        stop(number)

    for each in STOPPED_BY:
        loop.add_signal_handler(each, on_signal, each)
    try:
        yield
    finally:
        for each in STOPPED_BY:
            loop.remove_signal_handler(each)


def _write(path: Path | None, outcome: Outcome) -> None:
    if path is not None:
        path.write_text(json.dumps(outcome.json(), indent=1) + "\n", encoding="utf-8")
