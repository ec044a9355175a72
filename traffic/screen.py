"""What people see while a run lasts, and the tables at its end."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from traffic.failures import Failure
from traffic.mover import Moved, Mover
from traffic.report import Outcome, failures_by_reason, percentile, rows
from traffic.tally import Tally, Window, share

LOOK_SECONDS = 1.0
PLAIN_SECONDS = 10.0
"""Between two lines where the output is no terminal."""

TOLD_AT_ONCE = 20
SAMPLES = 3
WIDE = 160
"""Columns where the output is no terminal."""


def console() -> Console:
    """Where everything of a run is written to."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDE)


class Screen:
    """mover: None where no flags are moved."""

    def __init__(self, out: Console, tally: Tally, mover: Mover | None) -> None:
        self._out = out
        self._tally = tally
        self._mover = mover
        self._window = Window()
        self._began = time.monotonic()
        self._live: Live | None = None

    def tell(self, failure: Failure) -> None:
        """A journey has failed: at once for the first of them, in the report for all."""
        if self._tally.failed <= TOLD_AT_ONCE:
            self._out.print(f"[red]failed[/] {escape(str(failure))}", soft_wrap=True)

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Shows a line each second as long as it is entered."""
        with (
            Live(console=self._out, auto_refresh=False, transient=True) if self._out.is_terminal else _Nothing() as live
        ):
            self._live = live
            task = asyncio.create_task(self._watch(), name="screen")
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        shown = self._began
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            self._window.look(self._tally, now)
            if self._live is not None:
                self._live.update(Text.from_markup(self.line(now)), refresh=True)
            elif now - shown >= PLAIN_SECONDS:
                shown = now
                self._out.print(self.line(now), soft_wrap=True)

    def line(self, now: float) -> str:
        """The state of a run in one line of markup."""
        tally = self._tally
        parts = [
            f"{now - self._began:5.0f} s",
            f"begun {tally.begun}",
            f"done {tally.done}",
            _red(f"failed {tally.failed}", tally.failed),
            f"in flight {tally.in_flight}",
            f"{self._window.rate():.0f} requests/s",
        ]
        if tally.not_begun:
            parts.append(_red(f"NOT BEGUN {tally.not_begun}", tally.not_begun))
        shares = self._window.shares()
        told = [f"{name} {_percent(shares[name])}{self._flag(name)}" for name in shares]
        return "  ".join(parts) + ("  | on new: " + ", ".join(told) if told else "")

    def _flag(self, feature: str) -> str:
        """What the flag says, beside what is measured."""
        moved = self._mover.moved.get(feature) if self._mover is not None else None
        return f" (flag {moved.percent})" if moved is not None and moved.percent and not moved.put_back else ""


class _Nothing(contextlib.nullcontext[None]):
    """In the place of a live line."""


def print_outcome(out: Console, outcome: Outcome) -> None:
    """The report."""
    out.print(_steps(outcome.tally))
    _print_failures(out, outcome.tally)
    for line in _remarks(outcome):
        out.print(line, soft_wrap=True)
    good = outcome.status == 0
    out.print(f"[bold {'green' if good else 'red'}]{outcome.verdict}[/]", soft_wrap=True)


def _steps(tally: Tally) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step", no_wrap=True)
    for name in ("count", "failed", "on new", "legacy p50/95/99 ms", "new p50/95/99 ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, count, failed, new, legacy_ms, new_ms in rows(tally):
        table.add_row(name, count, f"[red]{failed}[/]", new, legacy_ms, new_ms)
    return table


def _print_failures(out: Console, tally: Tally) -> None:
    for count, step, reason in failures_by_reason(tally):
        out.print(f"\n[red]{count} x[/] [bold]{escape(step)}[/]: {escape(reason)}", soft_wrap=True)
        for failure in [each for each in tally.failures if (each.step, each.reason) == (step, reason)][:SAMPLES]:
            out.print(f"    {escape(str(failure))}", soft_wrap=True)


def _remarks(outcome: Outcome) -> list[str]:
    tally = outcome.tally
    lines = ["", _work(outcome)]
    if tally.jobs:
        found = [f"{percentile(tally.jobs, percent):.1f}" for percent in (50, 95, 99)]
        lines.append(f"analyses took {'/'.join(found)} s (p50/95/99) from being followed to their success")
    if tally.features:
        shares = [f"{name} {_percent(share(sides))}" for name, sides in sorted(tally.features.items())]
        lines.append(
            f"answered by new: {', '.join(shares)}; a user and feature moved to new {tally.moved_to_new} times, "
            f"to legacy {tally.moved_to_legacy} times"
        )
    lines += map(_flag, outcome.moved)
    return lines


def _work(outcome: Outcome) -> str:
    tally = outcome.tally
    each = 1000 * outcome.cpu_seconds / tally.requests if tally.requests else 0.0
    late = 1000 * (percentile(tally.lateness, 100) or 0)
    return (
        f"{tally.requests} requests in {outcome.seconds:.0f} s; {tally.repeated} sent again on a new connection, "
        f"{tally.reconnects} streams taken up again; {each:.2f} ms of our own CPU each, "
        f"journeys begun at most {late:.0f} ms late"
    )


def _flag(moved: Moved) -> str:
    back = "put back" if moved.put_back else "left to others" if moved.taken_over else "[bold red]NOT PUT BACK[/]"
    more = "".join(f"; {escape(note)}" for note in moved.notes)
    return (
        f"flag {moved.feature}: {moved.changes} changes, {moved.skipped} left out, {moved.unconfirmed} not confirmed "
        f"by all workers; {back}, before: {moved.before.percent} % from {moved.before.source}{more}"
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} %"


def _red(text: str, wanted: int) -> str:
    return f"[bold red]{text}[/]" if wanted else text
