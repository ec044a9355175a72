"""What `gateway compare run` shows: what is in the file, how far it is, and what was found."""

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from gateway.compare.sentences import where
from gateway.compare.terminal import clean, print_report
from gateway.compare.words import count
from gateway.replay.left_out import WORDS
from gateway.replay.run import Standing
from gateway.replay.select import Survey
from gateway.replay.tally import FeatureReport

LINE_SECONDS: Final = 5.0
"""Between two lines, where there is no terminal for a bar."""
MAX_PLACES: Final = 10
"""Distinct differences of a feature whose requests are told."""


class Display:
    """How far it is: a bar on a terminal, a line now and then elsewhere. A context manager; `tell` is called after each
    request.
    """

    def __init__(self, out: Console, total: int) -> None:
        self._out = out
        self._bar = _bar(out) if out.is_terminal else None
        self._task = self._bar.add_task("", total=total, rate="", mismatches="") if self._bar is not None else None
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, standing: Standing) -> None:
        rate, found = f"{standing.rate:.1f} a second", _mismatches(standing.mismatches)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=standing.done, rate=rate, mismatches=found)
        elif time.monotonic() - self._told >= LINE_SECONDS:
            self._told = time.monotonic()
            self._out.print(f"{standing.done} of {standing.total}, {rate}, {found}")


def _bar(out: Console) -> Progress:
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[mismatches]}"),
        console=out,
        transient=True,
    )


def _mismatches(number: int) -> str:
    return f"{number} mismatch{'' if number == 1 else 'es'}"


def survey_lines(survey: Survey, name: str, noun: str) -> Iterator[str]:
    """What a file holds, and what of it is sent."""
    yield f"{name}: {count(survey.requests, 'request')}, of which {survey.chosen} are sent"
    for why, number in sorted(survey.left_out.items()):
        yield f"  left out: {number} {WORDS[why]}"
    if survey.others:
        yield f"  {survey.others} {_plural(noun, survey.others)} of other things"
    if survey.unreadable_count:
        yield f"  {survey.unreadable_count} {_plural(noun, survey.unreadable_count)} cannot be read:"
        for each in survey.unreadable:
            yield f"    {noun} {each.place} {each.why}" + (f": {clean(each.text)}" if each.text else "")
        more = survey.unreadable_count - len(survey.unreadable)
        if more:
            yield f"    and {more} more"


def _plural(noun: str, number: int) -> str:
    if number == 1:
        return noun
    return "entries" if noun == "entry" else f"{noun}s"


def print_replay(out: Console, reports: Sequence[FeatureReport], failures: Sequence[str], now: float) -> None:
    """The report that shadows have, and below each feature where in the record its differences were seen."""
    for report in reports:
        print_report(out, report, now)
        for line in _places(report):
            out.print(Text(clean(line)), soft_wrap=True)
    for failure in failures:
        out.print(Text(clean(failure), "yellow"), soft_wrap=True)


def _places(report: FeatureReport) -> Iterator[str]:
    told = [each for each in report["differences"] if each["requests"]]
    if told:
        yield "  seen at:"
    for each in told[:MAX_PLACES]:
        yield f"    {each['route']} {where(each)}"
        yield from (f"      {request}" for request in each["requests"])
    if len(told) > MAX_PLACES:
        yield f"    and {len(told) - MAX_PLACES} more"
