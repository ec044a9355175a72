"""`/api/status`: one page of what an operator asks at 3 a.m., read from what workers hold, not from what Redis says.

Numbers of traffic are of the last five minutes, with their sample counts.
"""

from collections.abc import Mapping
from typing import Any

from gateway import __version__
from gateway.control_view import ControlView
from gateway.deaths import Deaths, read_deaths
from gateway.flagdesk import flag_json
from gateway.flags.history import Change
from gateway.flags.stored import FlagStoreError
from gateway.report import UpstreamState, WorkerState
from gateway.rolling import read_roll
from gateway.telemetry.redact import clean_text


async def describe(control: ControlView, *, now: float) -> dict[str, Any]:
    """Everything, as JSON values."""
    states = await control.workers.ask()
    await control.traffic.sample()
    changes = await _last_changes(control)
    deaths = read_deaths(control.process.run_dir)
    roll = read_roll(control.process.run_dir)
    return {
        "version": __version__,
        "time": now,
        "draining": control.draining,
        "config": config_json(control, states),
        "redis": _redis(control, states),
        "workers": {
            slot: _worker(state, slot in control.workers.unresponsive, deaths.get(slot))
            for slot, state in states.items()
        },
        "features": {name: _feature(control, name, states, changes.get(name)) for name in control.flags.policies},
        "fixed": control.traffic.recent("none"),
        "window_seconds": control.traffic.seconds,
        "upstreams": _upstreams(states),
        "roll": roll.model_dump() if roll is not None else None,
        "certificates": _certificates(states),
    }


def config_json(control: ControlView, states: Mapping[str, WorkerState | None]) -> dict[str, Any]:
    """How routes.yaml stands."""
    config = control.config
    behind = [
        slot for slot, state in states.items() if state is not None and state.config_sha256 != config.accepted_sha256
    ]
    return {
        "file": str(control.settings.routes),
        "accepted_sha256": config.accepted_sha256,
        "accepted_at": config.accepted_at,
        "last_edit_at": config.last_edit_at,
        "file_in_force": config.file_in_force,
        "faults": [str(fault) for fault in config.faults],
        "warnings": [str(fault) for fault in config.warnings],
        "problem": config.problem,
        "missing": config.missing,
        "edits": dict(config.results),
        "workers_behind": behind,
    }


def _redis(control: ControlView, states: Mapping[str, WorkerState | None]) -> dict[str, Any]:
    url = control.settings.redis_url
    own = control.flags.store_state()
    workers = {slot: state.store.model_dump() for slot, state in states.items() if state is not None}
    return {
        "configured": url is not None,
        "url": clean_text(url, one_line=True) if url else None,
        "up": own.up and all(store["up"] for store in workers.values()),
        "last_sync": own.last_sync,
        "problem": own.problem,
        "ever_read": control.flags.has_flags,
        "snapshot": own.snapshot,
        "workers": workers,
    }


def _worker(state: WorkerState | None, unresponsive: bool, deaths: Deaths | None) -> dict[str, Any]:
    """deaths: what the supervisor has said of the slot; None while nobody died in it."""
    died = deaths.model_dump() if deaths is not None else None
    if state is None:
        return {"up": False, "state": "does not answer" if unresponsive else "down", "deaths": died}
    return {
        "up": True,
        "deaths": died,
        "state": "draining" if state.draining else "serving",
        "pid": state.pid,
        "started": state.started,
        "config_sha256": state.config_sha256,
        "in_flight": sum(number for sides in state.in_flight.values() for number in sides.values()),
    }


def _feature(
    control: ControlView, name: str, states: Mapping[str, WorkerState | None], changed: Change | None
) -> dict[str, Any]:
    held = {
        slot: state.features[name] for slot, state in states.items() if state is not None and name in state.features
    }
    shares = {slot: feature.share for slot, feature in held.items()}
    return {
        **flag_json(control.flags.policies[name]),
        "workers_differ": len(set(shares.values())) > 1,
        "shares": shares,
        "changed": changed.fields() if changed is not None else None,
        "in_flight": _in_flight(name, states),
        "new_down": _new_down(control, name, states),
        "diverts": name in control.plan.features and control.plan.features[name].diverts,
        "falling_back": sum(state.falling_back.get(name, 0) for state in states.values() if state is not None),
        "traffic": control.traffic.recent(name),
    }


def _new_down(control: ControlView, name: str, states: Mapping[str, WorkerState | None]) -> list[str]:
    """The workers in which new's breaker is open, or none of its targets is well."""
    feature = control.plan.features.get(name)
    if feature is None:
        return []
    news = {slot: state.upstreams.get(feature.upstreams[1]) for slot, state in states.items() if state is not None}
    return [slot for slot, upstream in news.items() if upstream is not None and _is_down(upstream)]


def _is_down(upstream: UpstreamState) -> bool:
    unhealthy = bool(upstream.states) and all(state == "unhealthy" for state in upstream.states)
    return unhealthy or upstream.breaker == "open"


def _in_flight(name: str, states: Mapping[str, WorkerState | None]) -> dict[str, int]:
    total: dict[str, int] = {}
    for state in states.values():
        for side, number in (state.in_flight.get(name, {}) if state is not None else {}).items():
            total[side] = total.get(side, 0) + number
    return total


def _upstreams(states: Mapping[str, WorkerState | None]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for slot, state in states.items():
        for name, upstream in (state.upstreams if state is not None else {}).items():
            entry = total.setdefault(
                name,
                {
                    "targets": list(upstream.targets),
                    "in_flight": 0,
                    "idle": 0,
                    "queued": 0,
                    "websockets": 0,
                    "verified": True,
                    "tls_problems": {},
                    "breakers": {},
                    "states": {},
                },
            )
            entry["in_flight"] += upstream.in_flight
            entry["idle"] += upstream.idle
            entry["queued"] += upstream.queued
            entry["websockets"] += upstream.websockets
            entry["verified"] = entry["verified"] and upstream.verified
            if upstream.tls_problem is not None:
                entry["tls_problems"][slot] = upstream.tls_problem
            entry["breakers"][slot] = upstream.breaker
            entry["states"][slot] = [
                {"target": target, "state": state, "problem": problem}
                for target, state, problem in zip(upstream.targets, upstream.states, upstream.problems, strict=False)
            ]
    return total


def _certificates(states: Mapping[str, WorkerState | None]) -> dict[str, Any]:
    """By file and worker: they differ while a change is taken over, or where one cannot read it."""
    total: dict[str, Any] = {}
    for slot, state in states.items():
        for each in state.certificates if state is not None else ():
            total.setdefault(each.file, {})[slot] = each.model_dump(exclude={"file"})
    return total


async def _last_changes(control: ControlView) -> dict[str, Change]:
    """Who changed each feature last; nothing where Redis cannot be asked now."""
    changes: dict[str, Change] = {}
    if control.writer is None or not control.flags.store_state().up:
        return changes
    try:
        for name in control.flags.policies:
            found = await control.writer.history(name, 1)
            if found:
                changes[name] = found[0]
    except FlagStoreError:
        return changes
    return changes
