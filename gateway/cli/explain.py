"""`gateway explain METHOD URL`: how a request would be served, and why."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from gateway.cli.api import AdminApi
from gateway.cli.options import Admin, AsJson
from gateway.cli.words import console, fail, safe


def explain(
    method: Annotated[str, typer.Argument(help="GET, POST, ...")],
    url: Annotated[str, typer.Argument(help="http://host/path, or a path.")],
    header: Annotated[list[str], typer.Option("--header", "-H", help='"name: value"; repeatable.')] = [],  # noqa: B006
    client_ip: Annotated[
        str, typer.Option("--client-ip", help="The address that the request comes from.")
    ] = "127.0.0.1",
    admin: Admin = "",
    as_json: AsJson = False,
) -> None:
    """Asks a worker which route a request takes and why, and which side answers and why, with the live flags."""
    question = {"method": method, "url": url, "headers": [_pair(text) for text in header], "client_ip": client_ip}
    answer = AdminApi(admin).post("/api/explain", question)
    if as_json:
        print(json.dumps(answer))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    for name, text in _rows(answer):
        table.add_row(name, safe(text))
    console.print(table)


def _pair(text: str) -> list[str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        fail(f'--header {text!r} is not "name: value"', status=2)
    # As curl sends it: a header is bytes, those of UTF-8; JSON carries each byte as one character.
    return [name.strip(), value.strip().encode("utf-8", "surrogateescape").decode("latin-1")]


def _rows(answer: dict[str, Any]) -> list[tuple[str, str]]:
    routing = answer["routing"]
    rows = [("route", routing["winner"] or "none")]
    rows += [("", f"beats {lost['route']} by {lost['by']}") for lost in routing["lost"]]
    rows += [("", f"not {missed['route']}: {', '.join(missed['for'])} differ") for missed in routing["missed"]]
    if len(routing["readings"]) > 1:
        rows.append(("readings", " or ".join(routing["readings"])))
    if "problem" in answer:
        return [*rows, ("answer", f"{answer['status']}: {answer['problem']}")]
    if "feature" in answer:
        key = answer["key"]
        shown = "none" if key is None else f"{key['source']} = {key['value'] or '(a cookie is issued)'}"
        rows += [
            ("feature", answer["feature"]),
            ("stage", answer["stage"]),
            ("key", shown),
            ("bucket", "-" if answer["bucket"] is None else str(answer["bucket"])),
            ("percent", f"{answer['percent']} % from {answer['percent_source']}"),
        ]
        rows += [("hidden", f"{entry['source']} says {entry['percent']} %") for entry in answer["hidden"]]
        rows += [("held", answer["held"])] if answer["held"] else []
    rows.append(("side", f"{answer['side']}, because: {answer['reason']}"))
    rows += [("", answer["why"])] if "why" in answer else []
    rows.append(("upstream", answer["upstream"]))
    rows += [("fallback", "legacy answers if new cannot")] if answer.get("fallback") else []
    rows += [("shadow", _shadow(answer["shadow"]))] if "shadow" in answer else []
    rows += [("down", f"{name}: {why}") for name, why in answer["down"].items()]
    return rows


def _shadow(shadow: dict[str, Any]) -> str:
    if shadow["why_not"] is not None:
        return f"no: {shadow['why_not']}"
    of_those = "" if shadow["sample"] == "100" else f", of those {shadow['sample']} % by the route"
    return f"{shadow['percent']} % from {shadow['source']}{of_those}: sent to {shadow['sent_to']} as well"
