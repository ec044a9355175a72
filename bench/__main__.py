"""`make bench`, `python -m bench`: measures, prints, writes. The exit status is 1 when a measurement failed."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import processes, table
from bench.contestants.base import Contestant
from bench.field import PEERS, present
from bench.figures import Figures
from bench.options import Options, parse
from bench.plan import Entry, heats
from bench.rounds import run
from bench.stage import Stage
from bench.targets import evaluate


def main() -> int:
    """Returns the exit status."""
    console = Console()
    options = parse(sys.argv[1:], [each.name for each in PEERS])
    if not processes.SUPPORTED:
        console.print("bench: CPU is read from Linux's accounting of processes; there is none here")
        return 1
    field, missing = present([*options.ours, *PEERS], options.only)
    for line in missing:
        console.print(f"[yellow]{line}[/]", soft_wrap=True)
    figures = measured(console, options, field)
    ours = options.ours[0].name
    table.print_tables(console, figures, ours)
    table.print_targets(console, evaluate(figures, ours))
    table.print_failures(console, figures.failures)
    return 1 if figures.failures or not figures.values else 0


def measured(console: Console, options: Options, field: Sequence[Contestant]) -> Figures:
    """All rounds, with a bar."""
    figures = Figures()
    plan = heats(field, options.groups, options.pace, figures)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        Stage(Path(directory), loaders=options.loaders) as stage,
        table.progress(console) as progress,
    ):
        Path(directory).chmod(0o755)  # a peer that gives up root must get at its own files
        task = progress.add_task("", total=options.pace.rounds * sum(map(len, plan)))

        def told(entry: Entry, number: int) -> None:
            progress.update(task, advance=1, description=f"round {number}: {entry.who}, {entry.workload}")

        run(stage, plan, options.pace.rounds, figures, told)
    return figures


if __name__ == "__main__":
    sys.exit(main())
