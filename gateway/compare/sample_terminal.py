"""One sample for people: the request, and both replies as one diff."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from gateway.compare.terminal import STYLES, clean
from gateway.compare.words import ago, place

MAX_LINES = 400
CONTEXT = 3


def print_sample(console: Console, sample: Mapping[str, Any], now: float) -> None:
    """`-` is legacy's, `+` new's; what stands unmarked is in both."""
    for line in _lines(sample, now):
        console.print(line, soft_wrap=True)


def _lines(sample: Mapping[str, Any], now: float) -> Iterator[Text]:
    request, legacy, new = sample["asked"], sample["legacy"], sample["new"]
    yield Text.assemble(
        (f"{clean(sample['feature'])}  {clean(sample['route'])}  ", "bold"),
        (clean(sample["outcome"]), "bold red" if sample["outcome"] == "mismatch" else "bold yellow"),
    )
    yield Text(
        f"{ago(now - sample['when'])}; the client was answered by {clean(sample['answered'])}; "
        f"request id {clean(sample['request_id'])}"
    )
    yield Text()
    yield Text(clean(f"{request['method']} {request['target']}"), "bold")
    yield from (Text(clean(f"{name}: {value}")) for name, value in request["headers"])
    yield from _body_alone(request["body"])
    yield Text()
    yield Text("differences, legacy to new", "bold")
    for each in sample["differences"]:
        yield Text(f"  {clean(place(each['path']))}", "cyan")
        for sign, value in (("-", each["legacy"]), ("+", each["new"])):
            if value is not None:
                yield Text(f"  {sign} {clean(value)}", STYLES[sign])
    if sample["more_differences"]:
        yield Text(f"  and {sample['more_differences']} more", "cyan")
    yield Text()
    yield Text.assemble(
        ("- ", STYLES["-"]), f"legacy, {_took(legacy)}      ", ("+ ", STYLES["+"]), f"new, {_took(new)}"
    )
    yield from _diff([str(legacy["status"])], [str(new["status"])])
    yield from _diff(_fields(legacy), _fields(new))
    yield Text()
    yield from _bodies(legacy["body"], new["body"])


def _took(side: Mapping[str, Any]) -> str:
    return f"{side['seconds'] * 1000:.1f} ms"


def _fields(side: Mapping[str, Any]) -> list[str]:
    return sorted(f"{name}: {value}" for name, value in side["headers"])


def _body_alone(body: Mapping[str, Any]) -> Iterator[Text]:
    if body["text"]:
        yield Text()
        yield from (Text(clean(line)) for line in _readable(body)[:MAX_LINES])
    if note := _note(body):
        yield Text(note, "dim")


def _bodies(legacy: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Text]:
    yield from _diff(_readable(legacy), _readable(new), context=CONTEXT)
    for sign, body in (("-", legacy), ("+", new)):
        if note := _note(body):
            yield Text(f"{sign} {note}", STYLES[sign])


def _note(body: Mapping[str, Any]) -> str:
    """Why it is not all here, or nothing."""
    size = f"{body['size']} bytes"
    if body["text"] is None and body["size"]:
        return f"{size} are not kept; SHA-256 {clean(body['sha256'])}"
    return f"cut: {size} in all" if body["cut"] else ""


def _readable(body: Mapping[str, Any]) -> list[str]:
    """JSON with a line for each value."""
    text = body["text"] or ""
    try:
        value = json.loads(text)
    except ValueError:
        return text.splitlines()
    return json.dumps(value, indent=2, ensure_ascii=False).splitlines()


def _diff(legacy: Sequence[str], new: Sequence[str], *, context: int | None = None) -> Iterator[Text]:
    """Lines of both, marked where they are of one side; far from any difference, only how many there are."""
    matcher = difflib.SequenceMatcher(None, legacy, new, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            yield from _alike(legacy[start:end], context)
            continue
        yield from (Text(f"- {clean(line)}", STYLES["-"]) for line in legacy[start:end][:MAX_LINES])
        yield from (Text(f"+ {clean(line)}", STYLES["+"]) for line in new[new_start:new_end][:MAX_LINES])


def _alike(lines: Sequence[str], context: int | None) -> Iterator[Text]:
    if context is None or len(lines) <= 2 * context + 1:
        yield from (Text(f"  {clean(line)}") for line in lines)
        return
    yield from (Text(f"  {clean(line)}") for line in lines[:context])
    yield Text(f"  ... {len(lines) - 2 * context} lines that are alike", "dim")
    yield from (Text(f"  {clean(line)}") for line in lines[-context:])
