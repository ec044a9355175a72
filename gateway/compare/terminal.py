"""Comparisons for people: what was counted, a table of what differs, each with one example as a diff."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.compare.sentences import (
    Report,
    counted,
    example_lines,
    left_out_lines,
    outcome_lines,
    since_line,
    verdict_sentence,
    where,
)
from gateway.compare.words import count, seen
from gateway.telemetry.redact import clean_text

STYLES = {"-": "red", "+": "green", "=": "yellow"}
MAX_QUIET = 10
"""Differences that made no mismatch are told in the terminal only so many."""


def print_report(console: Console, report: Report, now: float) -> None:
    """All of one feature."""
    style = "bold red" if report["mismatches"] else "bold green" if report["compared"] else "yellow"
    console.print(
        Text.assemble((f"{report['feature']}: ", "bold"), (clean(verdict_sentence(report)), style)), soft_wrap=True
    )
    if report["shadows"]:
        for line in [*outcome_lines(report), since_line(report, now), *left_out_lines(report)]:
            console.print(Text(f"  {clean(line)}"), soft_wrap=True)
    those, others = counted(report)
    if those:
        console.print(_table(those, now))
    if others:
        console.print(Text("  no mismatches: noise, undecided or not seen again", "bold"))
        console.print(_table(others[:MAX_QUIET], now))
        if len(others) > MAX_QUIET:
            console.print(Text(f"  and {len(others) - MAX_QUIET} more", "cyan"))
    console.print()


def _table(differences: Sequence[Mapping[str, Any]], now: float) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("count", justify="right", no_wrap=True)
    for heading in ("first", "last"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("route", "difference"):
        table.add_column(heading, overflow="fold")
    for each in differences:
        table.add_row(
            str(each["count"]),
            seen(each["first"], now),
            seen(each["last"], now),
            Text(clean(each["route"])),
            Text("\n").join(_told(each)),
        )
    return table


def _told(difference: Mapping[str, Any]) -> Iterator[Text]:
    """Place, example, noise and a sample, each on a line."""
    yield Text(clean(where(difference)), "cyan")
    for sign, text in example_lines(difference):
        yield Text(f"{sign} {clean(text)}", STYLES[sign])
    outcomes = difference["outcomes"]
    if set(outcomes) != {"mismatch"}:
        yield Text(", ".join(f"{number} {name}" for name, number in outcomes.items()), "yellow")
    noise = difference["noise"]
    pairs = sum(noise[name] for name in ("both", "legacy_only", "new_only", "neither"))
    if pairs:
        itself, other = noise["both"] + noise["legacy_only"], noise["both"] + noise["new_only"]
        told = f"of {count(pairs, 'pair')} legacy differs from itself in {itself}, new in {other}: {noise['verdict']}"
        yield Text(told, "dim")
    if difference["samples"]:
        yield Text(f"gateway compare show {clean(difference['samples'][0])}", "dim")


def clean(text: str) -> str:
    """What came from a service must not move a cursor, nor show a secret."""
    return clean_text(text, one_line=True)
