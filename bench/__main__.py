"""`make bench`, `python -m bench`: measures, prints, writes. The exit status is 1 when a measurement failed."""

import resource
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import processes, table
from bench.contestants.base import Contestant
from bench.field import PEERS, present
from bench.figures import Figures
from bench.grid import grids
from bench.machine import machine, versions
from bench.options import Options, parse
from bench.plan import Entry, heats
from bench.program import ProgramError
from bench.report import Report
from bench.rounds import run
from bench.stage import Stage
from bench.targets import evaluate


def main() -> int:
    """Returns the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of all that ends what was started
    console = table.console()
    _raise_descriptors()
    options = parse(sys.argv[1:], [each.name for each in PEERS])
    if not processes.SUPPORTED:
        console.print("bench: CPU is read from Linux's accounting of processes; there is none here")
        return 1
    field, missing = present([*options.ours, *PEERS], options.only)
    for line in missing:
        console.print(f"[yellow]{line}[/]", soft_wrap=True)
    report = _report(options, field, missing, measured(console, options, field))
    table.print_grids(console, grids(report.figures, report.ours, whole=False))
    table.print_targets(console, report.verdicts)
    if report.disturbed:
        console.print(f"[yellow]{report.disturbed}[/]", soft_wrap=True)
    table.print_failures(console, report.figures.failures)
    if options.results is not None and report.figures.values:
        report.write(options.results)
        console.print(f"written: {options.results}/RESULTS.md, results.json, results.svg", soft_wrap=True)
    return 1 if report.figures.failures or not report.figures.values else 0


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

        try:
            run(stage, plan, options.pace.rounds, figures, told)
        except ProgramError as error:
            figures.fail("bench", "all that would have followed", str(error))
    return figures


def _raise_descriptors() -> None:
    """As many as this user may have: thousands of connections are opened, and everybody inherits the bound."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _report(options: Options, field: Sequence[Contestant], missing: list[str], figures: Figures) -> Report:
    names = [each.name for each in field]
    ours = next((each.name for each in options.ours if each.name in names), options.ours[0].name)
    return Report(
        figures=figures,
        verdicts=evaluate(figures, ours),
        ours=ours,
        machine=machine(),
        versions=versions(field),
        missing=missing,
        pace=f"{options.pace.rounds} rounds, {options.pace.seconds:g} s each" + (", quick" if options.quick else ""),
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
