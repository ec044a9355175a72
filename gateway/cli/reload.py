"""`gateway reload`: routes.yaml now; with `--workers`, new processes in place of the workers, and no failed request."""

import json
import time
from typing import Annotated, Any

import typer

from gateway.cli.api import AdminApi
from gateway.cli.options import Admin, AsJson
from gateway.cli.words import console, errors, fail, safe

LOOK_SECONDS = 0.2


def reload(
    workers: Annotated[
        bool,
        typer.Option(
            "--workers", help="Replace the workers, one after the other; each new one serves before the old one goes."
        ),
    ] = False,
    admin: Admin = "",
    as_json: AsJson = False,
) -> None:
    """Takes over routes.yaml at once, or replaces the workers. Exits 1 when that did not succeed."""
    api = AdminApi(admin)
    if workers:
        _roll(api, as_json=as_json)
    else:
        _reload(api, as_json=as_json)


def _reload(api: AdminApi, *, as_json: bool) -> None:
    config = api.post("/api/reload", {})
    behind = config["workers_behind"]
    if as_json:
        print(json.dumps(config))
    else:
        for fault in config["faults"]:
            errors.print(fault, markup=False, highlight=False)
    if not config["file_in_force"]:
        why = config["problem"] or config["missing"] or "it has faults"
        fail(f"{config['file']} is not in force: {why}; what ran before keeps running")
    if behind:
        fail(f"{config['file']} is accepted, but not yet in force on {', '.join(behind)}")
    if not as_json:
        console.print(f"in force: {safe(config['file'])} {config['accepted_sha256'][:12]}", soft_wrap=True)


def _roll(api: AdminApi, *, as_json: bool) -> None:
    """Follows the roll to its end; a control process that is replaced meanwhile is waited for."""
    roll = api.post("/api/roll", {})
    number, told = roll["number"], ""
    while roll["state"] == "rolling":
        line = _progress(roll)
        if line and line != told and not as_json:
            console.print(line, soft_wrap=True)
            told = line
        time.sleep(LOOK_SECONDS)  # a poll; the supervisor bounds how long a roll takes
        roll = api.get("/api/roll")
        if roll is None or roll["number"] != number:
            fail("the gateway was started anew meanwhile")
    if as_json:
        print(json.dumps(roll))
    if roll["state"] != "done":
        fail(f"the workers are not all replaced ({len(roll['done'])} of {roll['total']}): {roll['problem']}")
    if not as_json:
        console.print(f"replaced: {', '.join(roll['done'])}")


def _progress(roll: dict[str, Any]) -> str:
    """One line for each step; empty between them."""
    place = f"{min(len(roll['done']) + 1, roll['total'])} of {roll['total']}"
    if roll["waits_for"] == "the new worker":
        return f"{place}: {roll['slot']}: a new worker starts"
    if roll["waits_for"] == "the old worker":
        return f"{place}: {roll['slot']}: the new worker serves; the old one finishes what it has"
    return ""
