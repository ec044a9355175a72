"""The terminal: a bar while it runs, a table of each workload, and the targets."""

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.figures import Figures
from bench.targets import Verdict
from bench.units import METRICS, number, ratio


def progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<32}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def print_tables(console: Console, figures: Figures, ours: str) -> None:
    for workload in figures.workloads():
        console.print(_table(figures, workload, ours))


def _table(figures: Figures, workload: str, ours: str) -> Table:
    metrics = figures.metrics(workload)
    table = Table(title=workload, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for metric in metrics:
        table.add_column(METRICS[metric].title, justify="right")
    for who in figures.who(workload):
        table.add_row(who, *(_cell(figures, who, workload, metric, ours) for metric in metrics))
    return table


def _cell(figures: Figures, who: str, workload: str, metric: str, ours: str) -> str:
    """The median, how far the rounds spread, and the ratio to ours."""
    spread = figures.spread(who, workload, metric)
    if spread is None:
        return ""
    text = number(spread.median)
    if spread.count > 1:
        text += f" [dim]{number(spread.low)}..{number(spread.high)}[/dim]"
    compared = ratio(figures, who, workload, metric, ours)
    return f"{text} [cyan]{compared:.2f}x[/cyan]" if compared is not None else text


def print_targets(console: Console, verdicts: Sequence[Verdict]) -> None:
    table = Table(title="targets", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for title in ("", "measured", "wanted", ""):
        table.add_column(title)
    colour = {True: "green", False: "red", None: "yellow"}
    for verdict in verdicts:
        word = f"[{colour[verdict.met]}]{verdict.word}[/]"
        table.add_row(verdict.target.text, verdict.measured, verdict.wanted, word)
        if verdict.note:
            table.add_row(f"  [dim]{verdict.note}[/dim]")
    console.print(table)


def print_failures(console: Console, failures: Sequence[str]) -> None:
    for failure in failures:
        console.print(f"[red bold]FAILED[/] {failure}", soft_wrap=True)
