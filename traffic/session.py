"""A run from its preparations to its report: journeys played, users audited, flags put back."""

import asyncio
import contextlib
import json
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from traffic.browser import Browser
from traffic.failures import NoAnswerError
from traffic.journeys import JOURNEYS
from traffic.mover import Mover
from traffic.options import Options
from traffic.pacing import Pace
from traffic.prepare import CannotBeginError, mover_of, reason_of
from traffic.report import Outcome
from traffic.run import STOP_SECONDS, Plan, Run, Stop
from traffic.screen import Screen, print_outcome
from traffic.tally import Tally
from traffic.visitor import Habits
from traffic.wire import Request

STOPPED_BY = (signal.SIGINT, signal.SIGTERM)


async def session(options: Options, out: Console) -> int:
    """Returns the exit status. Raises CannotBeginError; then nothing was done."""
    await _look_for_the_gateway(options)
    tally, stop = Tally(), Stop()
    mover = await mover_of(options, stop)
    screen = Screen(out, tally, mover)
    plan = plan_of(options)
    run = Run(plan, tally, stop, screen.tell)
    out.print(_heading(options, plan), soft_wrap=True)
    began, cpu = time.monotonic(), time.process_time()
    with _signals(stop, run, out):
        async with screen.watching():
            put_back = await _play(run, mover)
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
    """All journeys, while flags move where they are to; whether all flags are back as they were.

    Users come back before the flags do, so that who moves to legacy was moved by the ramp.
    """
    if mover is None:
        await run.play()
        await run.audit()
        return True
    try:
        await mover.begin()
        moving = asyncio.create_task(mover.move(), name="ramp")
        try:
            await run.play()
            await run.audit()
        finally:
            moving.cancel()
            await asyncio.gather(moving, return_exceptions=True)
    finally:
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


def _heading(options: Options, plan: Plan) -> str:
    moving = f"; flags: {reason_of(options.ramp, options.seed)}" if options.ramp is not None else ""
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
        "ramp": reason_of(options.ramp, options.seed) if options.ramp is not None else None,
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
