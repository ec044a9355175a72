"""Server-sent events as values (WHATWG HTML, 9.2.6), for comparisons."""

from typing import Any

from gateway.rules.json_text import read_json


def read_events(text: str) -> list[dict[str, Any]]:
    """The events with the fields that they have; data is JSON where it can be read so.

    Comments are no events: keep-alives come as time passes. What comes after the last empty line is none either, but is
    told as `cut`, for a stream that breaks off is not one that ends.
    """
    *lines, rest = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    events: list[dict[str, Any]] = []
    fields: dict[str, Any] = {}
    data: list[str] = []
    for line in lines:
        if not line:
            _add_event(events, fields, data)
            fields, data = {}, []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name in ("id", "event", "retry"):
            fields[name] = value
    if rest or fields or data:
        events.append({"cut": rest or fields or data})
    return events


def _add_event(events: list[dict[str, Any]], fields: dict[str, Any], data: list[str]) -> None:
    if data:
        text = "\n".join(data)
        try:
            fields["data"] = read_json(text.encode("utf-8", "replace"))
        except ValueError:
            fields["data"] = text
    if fields:
        events.append(fields)
