"""`gateway flag ...`: what operators type to move a feature."""

import getpass
import json
import socket
from typing import Annotated, Any

import typer
from rich.table import Table

from gateway.cli.api import AdminApi
from gateway.cli.options import Admin, AsJson
from gateway.cli.words import console, fail, safe

app = typer.Typer(no_args_is_help=True, help="Reads and changes the flags: each change is recorded.")

Feature = Annotated[str, typer.Argument(help="The feature's name in routes.yaml.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; kept in the history.")]
Who = Annotated[str, typer.Option("--who", envvar="GATEWAY_WHO", help="Who; by default user@host.")]
ExpectedRev = Annotated[
    int | None, typer.Option("--expect-rev", help="Refuse if the flag is not at this revision any more.")
]
Entries = Annotated[list[str], typer.Argument(help="Keys, or source=value (header:x-team=blue).")]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Do not ask, though legacy cannot read what new has written (reversible: false)."),
]
Remove = Annotated[bool, typer.Option("--remove", help="Take them off the list.")]


@app.command("list")
def list_flags(admin: Admin = "", as_json: AsJson = False) -> None:
    """All features: what is in force and where it comes from."""
    content = AdminApi(admin).get("/api/flags")
    if as_json:
        print(json.dumps(content))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("feature", "stage", "percent", "shadow", "source", "state", "allow", "deny", "rev"):
        table.add_column(column, justify="right" if column in ("percent", "shadow", "allow", "deny", "rev") else "left")
    for name, flag in content.items():
        table.add_row(
            name,
            flag["stage"],
            f"{flag['percent']} %",
            f"{flag['shadow_percent']} %",
            flag["source"],
            state_of(flag),
            str(len(flag["allow"])),
            str(len(flag["deny"])),
            str(flag["rev"]),
        )
    console.print(table)
    for name, flag in content.items():
        for note in notes_of(flag):
            console.print(f"[yellow]{name}:[/] {safe(note)}", soft_wrap=True)


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
    yes: Yes = False,
    admin: Admin = "",
    as_json: AsJson = False,
) -> None:
    """Sets the percent of keys on new."""
    _change(
        feature,
        "percent",
        admin,
        as_json,
        value=percent,
        reason=reason,
        who=who,
        expected_rev=expected_rev,
        confirm=yes,
    )


@app.command("shadow")
def set_shadow(
    feature: Feature,
    percent: Annotated[str, typer.Argument(help="0 to 100, at most two decimals.")],
    reason: Reason = "",
    who: Who = "",
    expected_rev: ExpectedRev = None,
    admin: Admin = "",
    as_json: AsJson = False,
) -> None:
    """Sets the percent of requests that are sent to the other side as well, and compared."""
    more = {"value": percent, "reason": reason, "who": who, "expected_rev": expected_rev}
    _change(feature, "shadow", admin, as_json, **more)


@app.command()
def enable(feature: Feature, reason: Reason = "", who: Who = "", admin: Admin = "", as_json: AsJson = False) -> None:
    """Ends a kill that was made by `disable`; the percent is what it was."""
    _change(feature, "enable", admin, as_json, reason=reason, who=who)


@app.command()
def disable(
    feature: Feature, reason: Reason = "", who: Who = "", yes: Yes = False, admin: Admin = "", as_json: AsJson = False
) -> None:
    """KILLS a feature: everything to legacy. Returns when every live worker reports it in force, else exits 3."""
    _change(feature, "disable", admin, as_json, reason=reason, who=who, confirm=yes)


def _list_command(which: str, side: str) -> None:
    """`gateway flag allow` and `gateway flag deny`: the same, but for the list."""

    def change(
        feature: Feature,
        entries: Entries,
        remove: Remove = False,
        reason: Reason = "",
        who: Who = "",
        yes: Yes = False,
        admin: Admin = "",
        as_json: AsJson = False,
    ) -> None:
        _change(feature, which, admin, as_json, entries=entries, remove=remove, reason=reason, who=who, confirm=yes)

    app.command(which, help=f"Sends these keys to {side}, whatever the percent.")(change)


_list_command("allow", "new")
_list_command("deny", "legacy")


@app.command()
def unset(
    feature: Feature, reason: Reason = "", who: Who = "", yes: Yes = False, admin: Admin = "", as_json: AsJson = False
) -> None:
    """Takes percents and kill out of Redis: the environment and routes.yaml decide again."""
    _change(feature, "unset", admin, as_json, reason=reason, who=who, confirm=yes)


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
    if not content:
        console.print(f"no change of {feature} is recorded")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("at", "who", "action", "old", "new", "reason"):
        table.add_column(column, no_wrap=column == "at", overflow="fold")
    for entry in content:
        table.add_row(*(safe(str(entry[column])) for column in ("at", "who", "action", "old", "new", "reason")))
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
        fail(
            f"written, but NOT YET IN FORCE on: {', '.join(missing)}. They may still send users to new: "
            "`gateway status` there says what they hold; kill a worker that hangs, and it is replaced",
            status=3,
        )


def _print_change(content: dict[str, Any]) -> None:
    console.print(_done(content), soft_wrap=True)
    confirmed = content["workers"]["confirmed"]
    if confirmed:
        workers = f"{len(confirmed)} worker{'' if len(confirmed) == 1 else 's'}"
        console.print(f"in force on {workers}: {safe(', '.join(confirmed))}", soft_wrap=True)
    notes = [f"silent: {worker}; dead, or cut off from Redis with what it held" for worker in _silent(content)]
    notes += [*content["warnings"], *_still_killed(content), *notes_of(content["flag"], hidden=False)]
    for note in notes:
        console.print(f"[yellow]note:[/] {safe(note)}", soft_wrap=True)


def _done(content: dict[str, Any]) -> str:
    """What has been done, in one line."""
    name, flag = f"[bold]{safe(content['feature'])}[/]", content["flag"]
    if content["action"] == "disable":
        return (
            f"{name} is [bold red]KILLED[/]: everything goes to legacy. Its percent stays {flag['percent']}; "
            f"`gateway flag enable {safe(content['feature'])}` ends the kill"
        )
    if content["action"] == "enable":
        return f"{name} is enabled: {flag['percent']} % of keys go to new, by {flag['source']}"
    if content["action"] == "set":
        before = f", {safe(content['old'])} % before" if content["old"] else ""
        return f"{name}: {safe(content['new'])} % of keys go to new{before}"
    if content["action"] == "shadow":
        before = f", {safe(content['old'])} % before" if content["old"] else ""
        return f"{name}: {safe(content['new'])} % of the requests that may be shadowed are{before}"
    if content["action"] in ("unset", "adopt"):
        done = "is out of Redis" if content["action"] == "unset" else "takes what Redis says"
        killed = ", but it is KILLED" if flag["killed_by"] else ""
        return f"{name} {done}: now {flag['percent']} % of keys go to new, by {flag['source']}{killed}"
    return f"{name}, {content['action']} list: {safe(content['new'])}"


def _silent(content: dict[str, Any]) -> list[str]:
    return list(content["workers"]["silent"])


def _still_killed(content: dict[str, Any]) -> list[str]:
    """A change of a killed feature moves nobody; each kill is ended where it was made."""
    if content["action"] == "disable":
        return []
    ends = {
        "redis": f"`gateway flag enable {content['feature']}` ends it",
        "file": "`kill: true` on the feature in routes.yaml must go",
        "kill_all": "`kill_all: true` in routes.yaml must go",
    }
    return [
        f"still KILLED by {source}, so nothing goes to new: {ends.get(source, 'end it there')}"
        for source in content["flag"]["killed_by"]
    ]


def _print_flag(flag: dict[str, Any]) -> None:
    rows = [
        ("feature", flag["feature"]),
        ("stage", flag["stage"]),
        ("percent", f"{flag['percent']} % from {flag['source']}"),
        ("shadow", f"{flag['shadow_percent']} % from {flag['shadow_source']}"),
        ("state", state_of(flag)),
        ("allow", safe(", ".join(flag["allow"])) or "-"),
        ("deny", safe(", ".join(flag["deny"])) or "-"),
        ("rev", str(flag["rev"])),
        *(("note", safe(note)) for note in notes_of(flag)),
    ]
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def state_of(flag: dict[str, Any]) -> str:
    """`on`, or why everything goes to legacy."""
    if flag["killed_by"]:
        return f"[bold red]KILLED[/] by {', '.join(flag['killed_by'])}"
    return "[bold red]UNKNOWN[/]" if flag["unknown"] else "on"


def notes_of(flag: dict[str, Any], *, hidden: bool = True) -> list[str]:
    """What an operator must know beyond the numbers. hidden: weaker sources that say something else, too."""
    others = [f"{entry['source']} says {entry['percent']} %, hidden by {flag['source']}" for entry in flag["hidden"]]
    if flag["hidden_shadow_percent"] is not None:
        others.append(f"file says {flag['hidden_shadow_percent']} % of shadows, hidden by {flag['shadow_source']}")
    held = [f"HELD: {flag['held']}"] if flag["held"] else []
    one_way = [] if flag["reversible"] else ["it cannot go back: legacy cannot read what new has written"]
    return [*held, *flag["problems"], *(others if hidden else ()), *one_way]
