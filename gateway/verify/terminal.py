"""The report for people: a table of steps and modes, a diff of what differs, and the verdict in one line."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.compare.words import halves, place
from gateway.telemetry.redact import clean_text
from gateway.verify.sentences import milliseconds, mode_notes, slower_lines, step_lines, verdict_sentence
from gateway.verify.verdict import FeatureResult, Mode, ModeResult, StepResult, Verdict

MAX_DIFFERENCES = 10
_MARKS = {
    Verdict.ALIKE: Text("alike", "green"),
    Verdict.DIFFERENT: Text("DIFFERENT", "bold red"),
    Verdict.SKIPPED: Text("not played", "yellow"),
}


def print_report(console: Console, result: FeatureResult) -> None:
    """All of one feature."""
    console.print(Text(f"{result.feature}  {result.file}", "bold"))
    if any(mode.steps for mode in result.modes):
        console.print(_table(result))
    for line in _below(result):
        console.print(line, soft_wrap=True)
    style = "bold red" if result.is_bad else "bold green"
    console.print(
        Text.assemble((f"{result.feature}: ", "bold"), (_clean(verdict_sentence(result)), style)), soft_wrap=True
    )
    console.print()


def _table(result: FeatureResult) -> Table:
    modes = [mode for mode in result.modes if mode.unplayed is None]
    direct = next((mode for mode in modes if mode.mode is Mode.DIRECT), None)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step", overflow="fold")
    for heading in ("status", "legacy", "new"):
        table.add_column(heading, justify="right", no_wrap=True)
    for mode in modes:
        table.add_column(mode.mode.heading, no_wrap=True)
    for name in dict.fromkeys(step.name for mode in modes for step in mode.steps):
        found = {mode.mode: step for mode in modes for step in mode.steps if step.name == name}
        any_step = next(iter(found.values()))
        timed = found.get(Mode.DIRECT) if direct is not None else None
        table.add_row(
            Text(_clean(name)),
            str(any_step.status or "-"),
            milliseconds(any_step.legacy_seconds),
            milliseconds(timed.seconds if timed is not None else None),
            *(_MARKS[found[mode.mode].verdict] if mode.mode in found else Text("") for mode in modes),
        )
    return table


def _below(result: FeatureResult) -> Iterator[RenderableType]:
    for mode in result.modes:
        for note in mode_notes(mode):
            style = "red" if note in mode.problems else "yellow"
            yield Text.assemble((f"{mode.mode.heading}: ", "bold"), (_clean(note), style))
        yield from (_step(mode, step) for step in mode.steps if step.verdict is not Verdict.ALIKE)
    if result.timing is not None:
        yield from (Text(_clean(line), "red") for line in slower_lines(result.timing))


def _step(mode: ModeResult, step: StepResult) -> Group:
    first, *rest = step_lines(step)
    style = "red" if step.verdict is Verdict.DIFFERENT else "yellow"
    head = Text.assemble((f"{mode.mode.heading}, {_clean(step.name)}: ", "bold"), (_clean(first), style))
    lines = [head, *(Text(f"  {_clean(line)}", style) for line in rest)]
    for difference in step.finding.differences[:MAX_DIFFERENCES]:
        legacy, new = halves(difference)
        lines.append(Text(f"    {_clean(place(difference.path))}", "cyan"))
        lines += [Text(f"    - {legacy}", "red")] if legacy is not None else []
        lines += [Text(f"    + {new}", "green")] if new is not None else []
    if (more := len(step.finding.differences) - MAX_DIFFERENCES) > 0:
        lines.append(Text(f"    and {more} more", "cyan"))
    return Group(*lines)


def _clean(text: str) -> str:
    """What came from a service must not move a cursor, nor show a secret."""
    return clean_text(text, one_line=True)
