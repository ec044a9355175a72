"""`gateway compare run`: recorded requests sent to both sides, and compared as shadows are."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from gateway.cli.options import AsJson
from gateway.cli.replay_display import Display, print_replay, survey_lines
from gateway.cli.replay_options import Typed, UsageError, danger, job_of, scenario_of
from gateway.cli.words import console, errors, fail, safe
from gateway.compare.sentences import as_json, as_junit
from gateway.compare.words import count
from gateway.replay.job import Begun, Job, NotThereError, begin, look_through, replay
from gateway.replay.run import Run, is_bad
from gateway.replay.scenario import methods_of, play
from gateway.replay.select import Survey
from gateway.replay.source import Format, Source, SourceError, find_source
from gateway.replay.state import StateError
from gateway.replay.tally import Tally
from gateway.verify.plan import CannotPlayError

STOPS: Final = (signal.SIGINT, signal.SIGTERM)
MAX_SIZE: Final = 1_073_741_824


def run(
    file: Annotated[Path, typer.Option("--from", help="An access log, a HAR file, a scenario of `gateway verify`.")],
    legacy: Annotated[str, typer.Option("--legacy", help="Legacy's address.")],
    new: Annotated[str, typer.Option("--new", help="New's address.")],
    routes: Annotated[
        Path | None, typer.Option("--routes", help="Features, rewrites and rules; without it all is one feature.")
    ] = None,
    format_: Annotated[Format | None, typer.Option("--format", help="Of the file; seen by its content.")] = None,
    methods: Annotated[str, typer.Option("--methods", help="Those that are sent.")] = "GET,HEAD",
    host: Annotated[str, typer.Option("--host", help="Only requests to this host.")] = "",
    path: Annotated[
        list[str], typer.Option("--path", help="Only such paths, written as in routes.yaml; repeatable.")
    ] = [],  # noqa: B006
    unique: Annotated[bool, typer.Option("--unique", help="The same request only once.")] = False,
    sample: Annotated[str, typer.Option("--sample", help="Only so many of them, in percent.")] = "100",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another number draws another sample.")] = 0,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many.")] = None,
    header: Annotated[
        list[str], typer.Option("--header", "-H", help='Goes with each, "name: value"; never shown. Repeatable.')
    ] = [],  # noqa: B006
    ignore: Annotated[
        list[str], typer.Option("--ignore", help="A place that is not compared: $.path or header:NAME; repeatable.")
    ] = [],  # noqa: B006
    rate: Annotated[float, typer.Option("--rate", min=0.01, max=100_000, help="Requests a second.")] = 10.0,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=1000, help="Requests at once.")] = 8,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, max=3600, help="Seconds for a whole reply.")] = 10.0,
    max_body_bytes: Annotated[
        int, typer.Option("--max-body-bytes", min=1, max=MAX_SIZE, help="Of a request, and of either reply.")
    ] = 1_048_576,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Writes here how far it is, and goes on from what stands there.")
    ] = None,
    as_json_: AsJson = False,
    junit: Annotated[Path | None, typer.Option("--junit", help="Writes the report as JUnit XML here.")] = None,
) -> None:
    """Sends recorded requests to both sides and tells what differs. Exits 1 where something does, 2 where nothing can
    be sent, 130 after Ctrl-C.
    """
    typed = Typed(
        file=file,
        legacy=legacy,
        new=new,
        routes=routes,
        methods=methods,
        host=host,
        paths=path,
        unique=unique,
        sample=sample,
        seed=seed,
        limit=limit,
        headers=header,
        ignore=ignore,
        rate=rate,
        concurrency=concurrency,
        timeout_seconds=timeout,
        max_body_bytes=max_body_bytes,
        resume=resume,
    )
    try:
        source = find_source(file, format_)
        done = _play_scenario(typed) if source.format is Format.SCENARIO else _replay(typed, source)
        _report(done, as_json_=as_json_, junit=junit)
    except (UsageError, SourceError, StateError, NotThereError, CannotPlayError) as error:
        fail(str(error), status=2)
    raise typer.Exit(done.status)


class _Done:
    """What came of it. more: for the report of programs. status: to exit with. words: a last line for people."""

    def __init__(self, tally: Tally, status: int, words: str = "", **more: Any) -> None:
        self.tally = tally
        self.status = status
        self.words = words
        self.more = more


# -- requests one by one


def _replay(typed: Typed, source: Source) -> _Done:
    job = job_of(typed, source)
    with errors.status(f"reading {safe(str(typed.file))}"):
        survey = look_through(job)
    for line in survey_lines(survey, str(typed.file), source.noun):
        errors.print(safe(line))
    _check(survey, typed, source)
    _warn(job.selection.methods)
    begun = begin(job)
    if begun.mark.done:
        errors.print(f"going on behind the first {begun.mark.done}: {safe(str(job.state_file))}")
    began = time.monotonic()
    stopped_by, gone = (None, None)
    if begun.mark.done < survey.chosen:
        stopped_by, gone = asyncio.run(_until_stopped(job, begun, survey.chosen))
    status, words = _verdict(begun, survey, stopped_by, gone)
    if begun.unsaved is not None:
        errors.print(f"[bold yellow]careful:[/] {safe(begun.unsaved)}; it cannot go on from here")
    return _Done(
        begun.tally,
        status,
        words,
        chosen=survey.chosen,
        done=begun.mark.done,
        requests=survey.requests,
        left_out={why.value: number for why, number in sorted(survey.left_out.items())},
        unreadable=survey.unreadable_count,
        seconds=round(time.monotonic() - began, 3),
    )


def _check(survey: Survey, typed: Typed, source: Source) -> None:
    """Exits 2 where there is nothing to send."""
    if not survey.requests:
        fail(f"{typed.file} holds no request that can be read as {source.format}; --format says otherwise", status=2)
    if not survey.chosen:
        fail("nothing is left to send: see above what was left out, and why", status=2)


def _warn(methods: frozenset[bytes]) -> None:
    words = danger(methods)
    if words is not None:
        errors.print(f"[bold yellow]careful:[/] {safe(words)}")


async def _until_stopped(job: Job, begun: Begun, total: int) -> tuple[int | None, str | None]:
    """The signal that has stopped it, and the side that was gone. The first signal lets what is under way finish, the
    second ends it at once.
    """
    runs: list[Run] = []
    told: list[int] = []
    with Display(Console(stderr=True, highlight=False), total) as display, _on_stop(runs, told):
        try:
            run = await replay(job, begun, total, progress=display.tell, started=runs.append)
        except asyncio.CancelledError:
            if not told:
                raise
            return told[0], None
    return (told[0] if told else None), (run.gone.value if run.gone is not None else None)


@contextmanager
def _on_stop(runs: list[Run], told: list[int]) -> Iterator[None]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in one

    def stop(number: int) -> None:
        told.append(number)
        if runs and len(told) == 1:
            errors.print("[yellow]stopping:[/] what is under way is finished; once more ends it at once")
            runs[0].stop()
        else:
            task.cancel()

    for number in STOPS:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in STOPS:
            loop.remove_signal_handler(number)


def _verdict(begun: Begun, survey: Survey, stopped_by: int | None, gone: str | None) -> tuple[int, str]:
    done = f"{begun.mark.done} of {survey.chosen} requests are done"
    if stopped_by is not None:
        return 128 + stopped_by, f"stopped: {done}"
    if gone is not None:
        return 2, f"{gone} takes no connections any more: {done}, and no more are sent"
    return _status(begun.tally), _why(begun.tally)


def _why(tally: Tally) -> str:
    """It is bad without a mismatch; nothing where it is not."""
    if tally.failed:
        return f"new gave no reply to {count(tally.failed, 'request')} that legacy answered"
    return "" if tally.compared else "nothing was compared that counts: what became of the requests stands above"


def _status(tally: Tally) -> int:
    return 1 if is_bad(tally) or not tally.compared else 0


# -- a scenario, played


def _play_scenario(typed: Typed) -> _Done:
    played, tally = scenario_of(typed), Tally()
    _warn(frozenset(method.encode() for method in methods_of(played.scenario)))
    with Console(stderr=True).status("") as line:
        asyncio.run(play(played, tally, lambda words: line.update(safe(words))))
    return _Done(tally, _status(tally), _why(tally))


# -- the report


def _report(done: _Done, *, as_json_: bool, junit: Path | None) -> None:
    """Exits 2 where the file cannot be written: a CI server would read an old one."""
    reports, failures, now = done.tally.reports(), done.tally.failures(), time.time()
    if as_json_:
        print(json.dumps({**as_json(reports), "failures": failures, "replay": done.more}))
    else:
        print_replay(console, reports, failures, now)
    if junit is not None:
        try:
            junit.write_bytes(as_junit(reports, now))
        except OSError as error:
            fail(f"the report cannot be written: {error}", status=2)
    if done.words:
        errors.print(f"[yellow]{safe(done.words)}[/]")
