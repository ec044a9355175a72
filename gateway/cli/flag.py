"""`gateway flag ...`: what operators type to move a feature."""

import getpass
import json
import socket
from typing import Annotated, Any

import typer
from rich.table import Table

from gateway.cli.api import AdminApi, console, fail
from gateway.cli.options import Admin, AsJson

app = typer.Typer(no_args_is_help=True, help="Reads and changes the flags: each change is recorded.")

Feature = Annotated[str, typer.Argument(help="The feature's name in routes.yaml.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; kept in the history.")]
Who = Annotated[str, typer.Option("--who", envvar="GATEWAY_WHO", help="Who; by default user@host.")]
ExpectedRev = Annotated[
    int | None, typer.Option("--expect-rev", help="Refuse if the flag is not at this revision any more.")
]
Entries = Annotated[list[str], typer.Argument(help="Keys, or source=value (header:x-team=blue).")]
Remove = Annotated[bool, typer.Option("--remove", help="Take them off the list.")]


@app.command("list")
def list_flags(admin: Admin = "", as_json: AsJson = False) -> None:
    """All features: what is in force and where it comes from."""
    content = AdminApi(admin).get("/api/flags")
    if as_json:
        print(json.dumps(content))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("feature", "percent", "source", "state", "allow", "deny", "rev", "notes"):
        table.add_column(column, justify="right" if column in ("percent", "allow", "deny", "rev") else "left")
    for name, flag in content.items():
        table.add_row(
            name,
            f"{flag['percent']} %",
            flag["source"],
            state_of(flag),
            str(len(flag["allow"])),
            str(len(flag["deny"])),
            str(flag["rev"]),
            "; ".join(notes_of(flag)),
        )
    console.print(table)


@app.command()
def get(feature: Feature, admin: Admin = "", as_json: AsJson = False) -> None:
    """One feature's flag, whole."""
    content = AdminApi(admin).get(f"/api/flags/{feature}")
    if as_json:
        print(json.dumps(content))
        return
    _print_flag(content)


@app.command("set")
def set_percent(
    feature: Feature,
    percent: Annotated[str, typer.Argument(help="0 to 100, at most two decimals.")],
    reason: Reason = "",
    who: Who = "",
    expected_rev: ExpectedRev = None,
    admin: Admin = "",
    as_json: AsJson = False,
) -> None:
    """Sets the percent of keys on new."""
    _change(feature, "percent", admin, as_json, value=percent, reason=reason, who=who, expected_rev=expected_rev)


@app.command()
def enable(feature: Feature, reason: Reason = "", who: Who = "", admin: Admin = "", as_json: AsJson = False) -> None:
    """Ends a kill that was made by `disable`; the percent is what it was."""
    _change(feature, "enable", admin, as_json, reason=reason, who=who)


@app.command()
def disable(feature: Feature, reason: Reason = "", who: Who = "", admin: Admin = "", as_json: AsJson = False) -> None:
    """KILLS a feature: everything to legacy. Returns when every live worker reports it in force, else exits 3."""
    _change(feature, "disable", admin, as_json, reason=reason, who=who)


@app.command()
def allow(
    feature: Feature,
    entries: Entries,
    remove: Remove = False,
    reason: Reason = "",
    who: Who = "",
    admin: Admin = "",
    as_json: AsJson = False,
) -> None:
    """Sends these keys to new, whatever the percent."""
    _change(feature, "allow", admin, as_json, entries=entries, remove=remove, reason=reason, who=who)


@app.command()
def deny(
    feature: Feature,
    entries: Entries,
    remove: Remove = False,
    reason: Reason = "",
    who: Who = "",
    admin: Admin = "",
    as_json: AsJson = False,
) -> None:
    """Sends these keys to legacy, whatever the percent."""
    _change(feature, "deny", admin, as_json, entries=entries, remove=remove, reason=reason, who=who)


@app.command()
def unset(feature: Feature, reason: Reason = "", who: Who = "", admin: Admin = "", as_json: AsJson = False) -> None:
    """Takes percent and kill out of Redis: the environment and routes.yaml decide again."""
    _change(feature, "unset", admin, as_json, reason=reason, who=who)


@app.command()
def adopt(feature: Feature, reason: Reason = "", who: Who = "", admin: Admin = "", as_json: AsJson = False) -> None:
    """Puts in force what Redis says and is held, after Redis came back with other data."""
    _change(feature, "adopt", admin, as_json, reason=reason, who=who)


@app.command()
def history(
    feature: Feature,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000)] = 20,
    admin: Admin = "",
    as_json: AsJson = False,
) -> None:
    """Who changed it, when, why, from what to what; the newest first."""
    content = AdminApi(admin).get(f"/api/flags/{feature}/history", count=str(count))
    if as_json:
        print(json.dumps(content))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("at", "who", "action", "old", "new", "reason"):
        table.add_column(column)
    for entry in content:
        table.add_row(*(str(entry[column]) for column in ("at", "who", "action", "old", "new", "reason")))
    console.print(table)


def _change(feature: str, action: str, admin: str, as_json: bool, **more: Any) -> None:
    more["who"] = more.get("who") or f"{getpass.getuser()}@{socket.gethostname()}"
    content = AdminApi(admin).post(f"/api/flags/{feature}", {"action": action, **more})
    if as_json:
        print(json.dumps(content))
    else:
        _print_change(content)
    missing = content["workers"]["missing"]
    if missing:
        fail(f"written, but NOT YET IN FORCE on: {', '.join(missing)}", status=3)


def _print_change(content: dict[str, Any]) -> None:
    old, new = content["old"] or "nothing", content["new"] or "nothing"
    console.print(f"[bold]{content['feature']}[/] {content['action']}: {old} -> {new}", highlight=False)
    confirmed = content["workers"]["confirmed"]
    if confirmed:
        console.print(f"in force on {len(confirmed)} workers: {', '.join(confirmed)}", highlight=False)
    for worker in content["workers"]["silent"]:
        console.print(
            f"[yellow]note:[/] silent: {worker}; dead, or cut off from Redis with what it held", highlight=False
        )
    for note in [*content["warnings"], *notes_of(content["flag"])]:
        console.print(f"[yellow]note:[/] {note}", highlight=False)


def _print_flag(flag: dict[str, Any]) -> None:
    rows = [
        ("feature", flag["feature"]),
        ("percent", f"{flag['percent']} % from {flag['source']}"),
        ("state", state_of(flag)),
        ("allow", ", ".join(flag["allow"]) or "-"),
        ("deny", ", ".join(flag["deny"]) or "-"),
        ("rev", str(flag["rev"])),
        *(("note", note) for note in notes_of(flag)),
    ]
    table = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def state_of(flag: dict[str, Any]) -> str:
    """`on`, or why everything goes to legacy."""
    if flag["killed_by"]:
        return f"[bold red]KILLED[/] by {', '.join(flag['killed_by'])}"
    return "[bold red]UNKNOWN[/]" if flag["unknown"] else "on"


def notes_of(flag: dict[str, Any]) -> list[str]:
    """What an operator must know beyond the numbers."""
    hidden = [f"{entry['source']} says {entry['percent']} %, hidden by {flag['source']}" for entry in flag["hidden"]]
    held = [f"HELD: {flag['held']}"] if flag["held"] else []
    return [*held, *flag["problems"], *hidden]
