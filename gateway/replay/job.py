"""One replay from its file to its tally. Used by `gateway compare run` alone."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gateway.model import Side
from gateway.replay.pace import Pace
from gateway.replay.pair import Comparer
from gateway.replay.run import Run, Standing
from gateway.replay.select import Leads, Selection, Survey, choose
from gateway.replay.side import AskedSide, NoReplyError
from gateway.replay.source import Source
from gateway.replay.state import Mark, State, StateError, load, save
from gateway.replay.tally import Tally


class NotThereError(Exception):
    """A side takes no connections: nothing was sent. The message says which, and where."""


@dataclass(frozen=True, slots=True)
class Job:
    """extra: fields that go with each request. state_file: None where nothing is to be resumed. begun_with: what must
    be the same when it is, by the names of options.
    """

    source: Source
    selection: Selection
    leads: Leads
    legacy: str
    new: str
    extra: tuple[tuple[bytes, bytes], ...]
    rate: float
    concurrency: int
    timeout_seconds: float
    max_body_bytes: int
    state_file: Path | None
    begun_with: Mapping[str, Any]


@dataclass(slots=True)
class Begun:
    """Where it goes on: at the start, or where a run before has stopped. unsaved: why the state is not as it should be,
    in words.
    """

    mark: Mark
    tally: Tally
    unsaved: str | None = None


def look_through(job: Job) -> Survey:
    """The whole file once, without a request: what is in it, and how many would be sent. Raises SourceError."""
    survey = Survey()
    for _ in choose(job.source.records(), job.selection, job.leads, survey):
        pass
    return survey


def begin(job: Job) -> Begun:
    """Raises StateError for a state file that is not this job's, or cannot be written."""
    state = load(job.state_file, job.begun_with) if job.state_file is not None else None
    if state is None:
        begun = Begun(Mark(), Tally())
    else:
        try:
            begun = Begun(state.mark, Tally.from_json(state.found))
        except (KeyError, TypeError, ValueError):
            raise StateError(f"{job.state_file} holds no state of a replay; give another file") from None
    write_state(job, begun)
    return begun


def keep_state(job: Job, begun: Begun) -> None:
    """While it runs: a disk that is full must not cost what was found. It is tried again the next time."""
    try:
        write_state(job, begun)
    except StateError as error:
        begun.unsaved = str(error)
    else:
        begun.unsaved = None


def write_state(job: Job, begun: Begun) -> None:
    """Raises StateError."""
    if job.state_file is None:
        return
    try:
        save(job.state_file, State(job.begun_with, begun.mark, begun.tally.as_json()))
    except OSError as error:
        raise StateError(f"{job.state_file} cannot be written: {error.strerror or error}") from None


async def replay(
    job: Job, begun: Begun, total: int, *, progress: Callable[[Standing], None], started: Callable[[Run], None]
) -> Run:
    """Sends what is not done yet. started: gets the run, to stop it by. Raises NotThereError and SourceError."""
    async with AsyncExitStack() as stack:
        sides = [await _opened(stack, job, side, url) for side, url in ((Side.LEGACY, job.legacy), (Side.NEW, job.new))]
        await _probe(sides)
        run = Run(
            Comparer((sides[0], sides[1]), extra=job.extra, max_body_bytes=job.max_body_bytes),
            mark=begun.mark,
            tally=begun.tally,
            total=total,
            pace=Pace(job.rate),
            noun=job.source.noun,
            save=partial(keep_state, job, begun),
            progress=progress,
        )
        started(run)
        await run.play(choose(job.source.records(), job.selection, job.leads, Survey()), lanes=job.concurrency)
    return run


async def _opened(stack: AsyncExitStack, job: Job, side: Side, url: str) -> AskedSide:
    asked = AskedSide(
        side,
        url,
        concurrency=job.concurrency,
        timeout_seconds=job.timeout_seconds,
        max_body_bytes=job.max_body_bytes,
    )
    stack.push_async_callback(asked.aclose)
    return asked


async def _probe(sides: list[AskedSide]) -> None:
    """Both before the first request, so that a wrong address is told at once, and once."""
    found = await asyncio.gather(*(side.probe() for side in sides), return_exceptions=True)
    problems = []
    for side, problem in zip(sides, found, strict=True):
        if isinstance(problem, NoReplyError):
            problems.append(f"{side.side} does not answer: {problem} ({side.url})")
        elif problem is not None:
            raise problem
    if problems:
        raise NotThereError("; ".join(problems))
