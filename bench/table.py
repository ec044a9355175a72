"""The terminal: a bar while it runs, a table of each workload, and the targets."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.grid import Grid
from bench.targets import Verdict

WIDTH = 130
COLOURS = {True: "green", False: "red", None: "yellow"}


def console() -> Console:
    """Where there is no terminal, lines are wide enough for every table."""
    found = Console()
    return found if found.is_terminal else Console(width=WIDTH)


def progress(on: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<36}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=on,
        transient=True,
    )


def print_grids(on: Console, grids: Sequence[Grid]) -> None:
    for grid in grids:
        table = _table(grid.workload)
        table.add_column("")
        for title in grid.titles[1:]:
            table.add_column(title, justify="right", style="dim" if title == "min..max" else None)
        for row in grid.rows:
            table.add_row(*map(escape, row))
        on.print(table)
        on.print()


def print_targets(on: Console, verdicts: Sequence[Verdict]) -> None:
    table = _table("targets")
    for title in ("", "measured", "wanted", ""):
        table.add_column(title)
    for verdict in verdicts:
        word = f"[{COLOURS[verdict.met]}]{verdict.word}[/]"
        table.add_row(verdict.target.text, verdict.measured, verdict.wanted, word)
    if verdicts:
        on.print(table)
    for verdict in verdicts:
        if verdict.note:
            on.print(f"[dim]{escape(verdict.target.text)}: {escape(verdict.note)}[/dim]")


def print_failures(on: Console, failures: Sequence[str]) -> None:
    for failure in failures:
        on.print(f"[red bold]FAILED[/] {escape(failure)}", soft_wrap=True)


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
