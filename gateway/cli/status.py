"""`gateway status`: what runs, on one screen."""

import json
import time
from typing import Any

from rich.table import Table

from gateway.cli.api import AdminApi, console
from gateway.cli.flag import notes_of, state_of
from gateway.cli.options import Admin, AsJson

SLOWER_THAN = 1.10
"""The migration's rule: new's response time within 10 % of old's."""


def status(admin: Admin = "", as_json: AsJson = False) -> None:
    """Each feature's percent and its source, who changed it last, and both sides' traffic of the last five minutes."""
    content = AdminApi(admin).get("/api/status")
    if as_json:
        print(json.dumps(content))
        return
    _print_gateway(content)
    console.print()
    console.print(_features(content))
    console.print()
    minutes = content["window_seconds"] / 60
    console.print(f"[bold]traffic[/] of the last {minutes:.1f} minutes; times to the first byte", highlight=False)
    console.print(_traffic(content))
    for note in _notes(content):
        console.print(note, highlight=False, soft_wrap=True)


def _print_gateway(content: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    workers = content["workers"]
    up = [slot for slot, worker in workers.items() if worker["up"]]
    shown = f"{len(up)} of {len(workers)} up" + (" [bold red]DRAINING[/]" if content["draining"] else "")
    table.add_row("gateway", f"{content['version']}, workers: {shown}")
    table.add_row("config", _config(content["config"]))
    table.add_row("redis", _redis(content["redis"], content["time"]))
    for name, upstream in content["upstreams"].items():
        counts = f"{upstream['in_flight']} in flight, {upstream['idle']} idle"
        table.add_row(
            "upstream" if name == next(iter(content["upstreams"])) else "",
            f"{name}: {', '.join(upstream['targets'])} ({counts})",
        )
    console.print(table)


def _config(config: dict[str, Any]) -> str:
    edits = config["edits"]
    text = f"{config['file']} {config['accepted_sha256'][:12]}, accepted {_when(config['accepted_at'])}"
    text += f"; edits: {edits.get('accepted', 0)} accepted, {edits.get('refused', 0)} refused"
    if not config["file_in_force"]:
        text += " [bold red]THE FILE IS NOT IN FORCE[/]"
    return text


def _redis(redis: dict[str, Any], now: float) -> str:
    if not redis["configured"]:
        return "none: flags come from the environment and routes.yaml"
    if redis["up"]:
        age = f", read {max(0.0, now - redis['last_sync']):.0f} s ago" if redis["last_sync"] else ""
        return f"{redis['url']} up{age}"
    return f"{redis['url']} [bold red]AWAY[/]: {redis['problem'] or 'not for every worker'}; the last known flags stay in force"


def _features(content: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("feature")
    table.add_column("percent", justify="right")
    for column in ("source", "state", "changed by", "when", "why"):
        table.add_column(column)
    for name, feature in content["features"].items():
        changed = feature["changed"] or {"who": "-", "at": "-", "reason": "-"}
        table.add_row(
            name,
            f"{feature['percent']} %",
            feature["source"],
            state_of(feature),
            changed["who"],
            changed["at"],
            changed["reason"] or "-",
        )
    return table


def _traffic(content: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("feature", "side"):
        table.add_column(column)
    for column in ("requests", "errors", "gone", "p50", "p95", "p99", "samples", "p95 new/old"):
        table.add_column(column, justify="right")
    rows = [(name, feature["traffic"]) for name, feature in content["features"].items()]
    rows.append(("none", content["fixed"]))
    for name, traffic in rows:
        for side, shown in traffic["sides"].items():
            table.add_row(name, side, *_numbers(shown), _ratio(traffic["p95_ratio"]) if side == "new" else "")
    return table


def _numbers(shown: dict[str, Any]) -> list[str]:
    every = shown["all"]
    rate = every["error_rate"]
    errors = "-" if rate is None else f"{rate:.2%}"
    if rate:
        errors = f"[red]{errors}[/]"
    times = [_milliseconds(every[name]) for name in ("p50", "p95", "p99")]
    return [str(shown["requests"]), errors, str(every["gone"]), *times, str(every["samples"])]


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"[bold red]{ratio:.2f}[/]" if ratio > SLOWER_THAN else f"{ratio:.2f}"


def _notes(content: dict[str, Any]) -> list[str]:
    notes = [f"[bold red]refused:[/] {fault}" for fault in content["config"]["faults"]]
    if content["config"]["problem"]:
        notes.append(f"[bold red]config:[/] {content['config']['problem']}")
    if content["config"]["workers_behind"]:
        notes.append(f"[yellow]workers not yet on this config:[/] {', '.join(content['config']['workers_behind'])}")
    for slot, worker in content["workers"].items():
        if not worker["up"]:
            notes.append(f"[bold red]worker {slot}:[/] {worker['state']}")
    for name, feature in content["features"].items():
        notes += [f"[yellow]{name}:[/] {note}" for note in notes_of(feature)]
        if feature["workers_differ"]:
            notes.append(f"[yellow]{name}:[/] workers differ: {feature['shares']}")
    return ["", *notes] if notes else []


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
