"""`gateway status`: what runs, on one screen."""

import json
import time
from datetime import datetime
from typing import Any

from rich.table import Table

from gateway.cli.api import AdminApi
from gateway.cli.flag import notes_of, state_of
from gateway.cli.options import Admin, AsJson
from gateway.cli.words import console, safe
from gateway.compare.words import ago

ENOUGH_SAMPLES = 100
SOON_DAYS = 14
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
    console.print(
        f"[bold]traffic[/] of the last {minutes:.1f} minutes; p50 to p99 are ms to the first byte", soft_wrap=True
    )
    console.print(_traffic(content))
    for note in _notes(content):
        console.print(note, soft_wrap=True)


def _print_gateway(content: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    workers = content["workers"]
    up = [slot for slot, worker in workers.items() if worker["up"]]
    shown = f"{len(up)} of {len(workers)} up" + (" [bold red]DRAINING[/]" if content["draining"] else "")
    table.add_row("gateway", f"{content['version']}, workers: {shown}")
    table.add_row("config", _config(content["config"]))
    table.add_row("", _edits(content["config"]))
    table.add_row("redis", _redis(content["redis"], content["time"]))
    for name, upstream in content["upstreams"].items():
        counts = f"{upstream['in_flight']} in flight, {upstream['idle']} idle"
        counts += f", {upstream['queued']} waiting" if upstream["queued"] else ""
        counts += f", {upstream['websockets']} WebSockets" if upstream["websockets"] else ""
        table.add_row(
            "upstream" if name == next(iter(content["upstreams"])) else "",
            f"{name}: {safe(', '.join(upstream['targets']))} ({counts}){_troubles(upstream)}",
        )
    for file, workers in content["certificates"].items():
        first = file == next(iter(content["certificates"]))
        table.add_row("tls" if first else "", f"{safe(file)}: {_certificate(workers, content['time'])}")
    console.print(table)


def _certificate(workers: dict[str, Any], now: float) -> str:
    """What the worker holds that holds the oldest."""
    held = [worker for worker in workers.values() if worker["not_after"] is not None]
    shown = "[bold red]NOTHING IN FORCE[/]"
    if held:
        oldest = min(held, key=lambda worker: worker["not_after"])
        shown = f"{safe(', '.join(oldest['names']))}, {_expiry(oldest['not_after'], now)}"
    refused = any(worker["problem"] is not None for worker in workers.values())
    return f"{shown}; [bold red]REFUSED[/]" if refused else shown


def _certificate_notes(content: dict[str, Any]) -> list[str]:
    """Why a pair of files is not in force as it is now, and where."""
    notes = []
    for file, workers in content["certificates"].items():
        for problem in dict.fromkeys(worker["problem"] for worker in workers.values() if worker["problem"]):
            slots = [slot for slot, worker in workers.items() if worker["problem"] == problem]
            notes.append(f"[bold red]certificate {safe(file)}:[/] {safe(problem)} (in {', '.join(slots)})")
    return notes


def _expiry(not_after: float, now: float) -> str:
    if now > not_after:
        return f"[bold red]EXPIRED[/] {_when(not_after)}"
    days = (not_after - now) / 86_400
    text = f"expires {_when(not_after)}, in {days:.0f} d"
    return f"[bold red]{text}[/]" if days < SOON_DAYS else text


def _troubles(upstream: dict[str, Any]) -> str:
    """Which workers do not ask it, or only try it."""
    words = {"open": "BREAKER OPEN", "half_open": "trying it again"}
    found = {text: [slot for slot, at in upstream["breakers"].items() if at == state] for state, text in words.items()}
    breakers = "".join(f" [bold red]{text}[/] in {', '.join(slots)}" for text, slots in found.items() if slots)
    unverified = "" if upstream["verified"] else " [bold red]NOT VERIFIED[/] (insecure_skip_verify)"
    return unverified + breakers + "".join(_left_out(upstream["states"]) + _bad_files(upstream["tls_problems"]))


def _bad_files(problems: dict[str, str]) -> list[str]:
    """What workers cannot read, and go on without."""
    found: dict[str, list[str]] = {}
    for slot, problem in problems.items():
        found.setdefault(problem, []).append(slot)
    return [f"; [bold red]its certificate files[/] in {', '.join(at)}: {safe(text)}" for text, at in found.items()]


def _left_out(states: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The targets that do not take their full share, or took no connection, and in which workers."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for slot, targets in states.items():
        for target in targets:
            if target["state"] != "serving" or target["problem"]:
                found.setdefault((target["target"], target["state"], target["problem"] or ""), []).append(slot)
    return [
        f"; {safe(target)} [bold red]{'failing' if state == 'serving' else state}[/] in {', '.join(slots)}"
        f"{f' ({safe(problem)})' if problem else ''}"
        for (target, state, problem), slots in found.items()
    ]


def _config(config: dict[str, Any]) -> str:
    text = f"{safe(config['file'])} {config['accepted_sha256'][:12]}, accepted {_when(config['accepted_at'])}"
    return text if config["file_in_force"] else f"{text} [bold red]THE FILE IS NOT IN FORCE[/]"


def _edits(config: dict[str, Any]) -> str:
    edits = config["edits"]
    text = f"{edits.get('accepted', 0)} accepted, {edits.get('refused', 0)} refused, {edits.get('failed', 0)} failed"
    last = f"; the last at {_when(config['last_edit_at'])}" if config["last_edit_at"] else ""
    return f"edits: {text}{last}"


def _redis(redis: dict[str, Any], now: float) -> str:
    if not redis["configured"]:
        return "none: flags come from the environment and routes.yaml"
    if redis["up"]:
        age = f", read {max(0.0, now - redis['last_sync']):.0f} s ago" if redis["last_sync"] else ""
        return f"{safe(redis['url'])} up{age}"
    problem = safe(
        redis["problem"] or f"not connected: {', '.join(_cut_off(redis)) or 'a worker that does not answer'}"
    )
    held = "the last known flags stay in force" if redis["ever_read"] else "its flags have never been read"
    return f"{safe(redis['url'])} [bold red]AWAY[/]: {problem}; {held}"


def _cut_off(redis: dict[str, Any]) -> list[str]:
    return [slot for slot, store in redis["workers"].items() if not store["up"]]


def _features(content: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("feature", overflow="fold")
    table.add_column("stage")
    table.add_column("percent", justify="right", no_wrap=True)
    table.add_column("shadow", justify="right", no_wrap=True)
    for column in ("source", "state", "changed by", "when", "why"):
        table.add_column(column, overflow="fold", no_wrap=column == "when")
    for name, feature in content["features"].items():
        changed = feature["changed"] or {"who": "-", "at": "-", "reason": "-"}
        table.add_row(
            name,
            feature["stage"],
            f"{feature['percent']} %",
            f"{feature['shadow_percent']} %",
            feature["source"],
            state_of(feature),
            safe(changed["who"]),
            _ago(changed["at"], content["time"]),
            safe(changed["reason"]) or "-",
        )
    return table


def _traffic(content: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("feature", overflow="fold")
    table.add_column("side")
    for column in ("requests", "errors", "gone", "p50", "p95", "p99", "samples", "new/old"):
        table.add_column(column, justify="right", no_wrap=True)
    rows = [(name, feature["traffic"]) for name, feature in content["features"].items()]
    rows.append(("none", content["fixed"]))
    for name, traffic in rows:
        for side, shown in traffic["sides"].items():
            table.add_row(name, side, *_numbers(shown), _ratio(traffic) if side == "new" else "")
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
    return "-" if seconds is None else f"{seconds * 1000:.1f}"


def _ratio(traffic: dict[str, Any]) -> str:
    """Alarming only where there is enough to go by."""
    ratio = traffic["p95_ratio"]
    if ratio is None:
        return "-"
    enough = all(side["split"]["samples"] >= ENOUGH_SAMPLES for side in traffic["sides"].values())
    return f"[bold red]{ratio:.2f}[/]" if ratio > SLOWER_THAN and enough else f"{ratio:.2f}"


def _notes(content: dict[str, Any]) -> list[str]:
    notes = [*_config_notes(content["config"]), *_worker_notes(content), *_feature_notes(content)]
    if content["redis"]["snapshot"]:
        notes.append(
            f"[bold red]snapshot:[/] {safe(content['redis']['snapshot'])}; "
            "a start while Redis is away would go by older flags, or none"
        )
    notes += _certificate_notes(content)
    return ["", *notes] if notes else []


def _config_notes(config: dict[str, Any]) -> list[str]:
    notes = [f"[bold red]refused:[/] {safe(fault)}" for fault in config["faults"]]
    notes += [f"[yellow]warning:[/] {safe(fault)}" for fault in config["warnings"]]
    if config["problem"]:
        notes.append(f"[bold red]config:[/] {safe(config['problem'])}")
    if config["missing"]:
        notes.append(
            f"[bold red]config:[/] {safe(config['file'])} cannot be read: "
            f"{safe(config['missing'])}; what ran before keeps running"
        )
    if config["workers_behind"]:
        notes.append(f"[yellow]workers not yet on this config:[/] {', '.join(config['workers_behind'])}")
    return notes


def _worker_notes(content: dict[str, Any]) -> list[str]:
    notes = []
    roll = content["roll"]
    if roll is not None and roll["state"] == "rolling":
        notes.append(f"[yellow]workers are being replaced:[/] {len(roll['done'])} of {roll['total']}")
    for slot, worker in content["workers"].items():
        if not worker["up"]:
            notes.append(f"[bold red]worker {slot}:[/] {worker['state']}{_last_end(worker['deaths'])}")
        elif worker["deaths"] is not None and content["time"] - worker["deaths"]["at"] < content["window_seconds"]:
            notes.append(f"[yellow]worker {slot}:[/] was replaced{_last_end(worker['deaths'])}")
    return notes


def _feature_notes(content: dict[str, Any]) -> list[str]:
    notes = []
    for name, feature in content["features"].items():
        if feature["new_down"] and not feature["killed_by"]:
            where = "legacy serves its users there" if feature["diverts"] else "its users get 503 there"
            notes.append(f"[bold red]{name}:[/] new is down in {', '.join(feature['new_down'])}: {where}")
        notes += [f"[yellow]{name}:[/] {safe(note)}" for note in notes_of(feature)]
        if feature["workers_differ"]:
            notes.append(f"[yellow]{name}:[/] workers differ: {feature['shares']}")
    return notes


def _ago(at: str, now: float) -> str:
    """How long ago a recorded change was; what is no time is shown as it stands."""
    try:
        return ago(now - datetime.fromisoformat(at).timestamp())
    except ValueError:
        return safe(at)


def _last_end(deaths: dict[str, Any] | None) -> str:
    """How the worker before this one ended, and when the next is tried."""
    if deaths is None:
        return ""
    text = f"; {deaths['last']} at {_when(deaths['at'])}"
    if deaths["in_a_row"] > 1:
        text += f", the {deaths['in_a_row']}th time in a row"
    return f"{text}, next try at {_when(deaths['next_try'])}" if deaths["next_try"] else text


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
