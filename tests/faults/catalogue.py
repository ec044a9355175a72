"""Every fault: how it is made, how it ends, and what it may cost. Whatever it may not cost is a broken promise.

A cost is said of one failed request: whether this fault, at this time, explains its failure. No fault explains an
answer that is wrong, a request on a side that nothing allows, or a request that is not idempotent and arrived twice.
"""

import asyncio
import contextlib
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.load import MAY_FALL_BACK
from tests.faults.oracle import LEGACY, NEW
from tests.faults.rig import FIRST_BYTE_SECONDS, PERCENT
from tests.support.processes import lowest_free_descriptor
from tests.support.scripted_upstream import eventually

HOUR, DAY = 3600.0, 86_400.0


@dataclass
class Spell:
    """One occurrence. Times are of the loop's clock; ports: the clients' connections that it struck."""

    began: float
    repaired: float | None = None
    healed: float | None = None
    ports: set = field(default_factory=set)
    kept: dict = field(default_factory=dict)

    def covers(self, outcome):
        answer = outcome.answer
        return answer.ended_at >= self.began and (self.healed is None or answer.sent_at <= self.healed)


@dataclass(frozen=True)
class Fault:
    """hurts: what it strikes, of which two faults at once do not strike the same. explains: of (outcome, spell).
    diverts: the same of a request that legacy answered for new. hold: seconds until it is repaired. healed: beyond what
    the workers say of themselves.
    """

    name: str
    hurts: frozenset
    inject: Callable
    repair: Callable | None = None
    explains: Callable = lambda outcome, spell: False
    diverts: Callable = lambda outcome, spell: False
    hold: float = 0.6
    healed: Callable = lambda rig, spell: True
    possible: Callable = lambda rig: True


def costs_nothing(outcome, spell):
    return False


# -- processes of the gateway


async def _pid(rig, slot):
    """Of the process, which another fault of the schedule may have killed a moment ago."""
    await eventually(lambda: slot in rig.gateway.pids())
    return rig.gateway.pids()[slot]


def _kill_worker(slot):
    async def inject(rig, spell):
        spell.kept["pid"] = pid = await _pid(rig, slot)
        os.kill(pid, signal.SIGSTOP)  # so that whose connections it holds is known when it dies
        spell.ports |= rig.owners([pid])
        os.kill(pid, signal.SIGKILL)

    return inject


def _is_replaced(slot):
    return lambda rig, spell: rig.gateway.pids().get(slot) not in {None, spell.kept["pid"]}


def _stall_worker(slot):
    async def inject(rig, spell):
        spell.kept["pid"] = await _pid(rig, slot)
        os.kill(spell.kept["pid"], signal.SIGSTOP)

    async def repair(rig, spell):
        with contextlib.suppress(ProcessLookupError):
            os.kill(spell.kept["pid"], signal.SIGCONT)

    return inject, repair


async def _kill_control(rig, spell):
    spell.kept["pid"] = await _pid(rig, "control")
    os.kill(spell.kept["pid"], signal.SIGKILL)


def _no_descriptors(slot):
    """The worker may open nothing more: no client's connection, no upstream's, no file."""

    async def inject(rig, spell):
        pid = spell.kept["pid"] = await _pid(rig, slot)
        spell.kept["limit"] = _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        lowest_free = lowest_free_descriptor(pid)
        spell.ports |= rig.owners([pid])
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free, hard))

    async def repair(rig, spell):
        spell.ports |= rig.owners([spell.kept["pid"]])
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(spell.kept["pid"], resource.RLIMIT_NOFILE, spell.kept["limit"])

    return inject, repair


def always(outcome, spell):
    return True


def on_its_connections(outcome, spell):
    return outcome.answer.port in spell.ports


# -- backends


def _backend_dies(side):
    async def inject(rig, spell):
        rig.origins[side].kill()

    async def repair(rig, spell):
        await asyncio.to_thread(rig.origins[side].start)

    return inject, repair


def _backend_freezes(side):
    async def inject(rig, spell):
        rig.origins[side].signal(signal.SIGSTOP)

    async def repair(rig, spell):
        rig.origins[side].signal(signal.SIGCONT)

    return inject, repair


def _backend_becomes(side, mode, **more):
    async def inject(rig, spell):
        rig.origins[side].becomes(mode, **more)

    async def repair(rig, spell):
        rig.origins[side].becomes("well")

    return inject, repair


def of_its_users(side):
    """Requests that the side was to serve; of new, those that legacy may not answer instead."""

    def explains(outcome, spell):
        if side == LEGACY:
            return LEGACY in outcome.sides
        return NEW in outcome.sides and outcome.ask.path not in MAY_FALL_BACK

    return explains


def of_its_users_or_begun(side):
    """Those, and whatever broke off after its head had gone to the client."""

    def explains(outcome, spell):
        return of_its_users(side)(outcome, spell) or (side in outcome.sides and outcome.why == "cut")

    return explains


# -- Redis


async def _redis_dies(rig, spell):
    await asyncio.to_thread(rig.valkey.kill)


async def _redis_starts(rig, spell):
    await asyncio.to_thread(rig.valkey.start)


async def _redis_starts_empty(rig, spell):
    await asyncio.to_thread(rig.valkey.replace_data, None)
    await asyncio.to_thread(rig.valkey.start)
    await _flags_anew(rig, spell)


async def _redis_freezes(rig, spell):
    rig.valkey.freeze()


async def _redis_thaws(rig, spell):
    rig.valkey.thaw()


async def _redis_is_full(rig, spell):
    with rig.valkey.client() as redis:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", "1")
    refused = await asyncio.to_thread(rig.gateway.flag, "auth", "percent", value="99")
    spell.kept["refused"] = refused.status, refused.body


async def _redis_has_room(rig, spell):
    status, body = spell.kept["refused"]
    assert status >= 400, f"a full Redis took a change: {status} {body}"
    with rig.valkey.client() as redis:
        redis.config_set("maxmemory", "0")


async def _redis_is_wiped(rig, spell):
    with rig.valkey.client() as redis:
        redis.flushall()


async def _flags_anew(rig, spell):
    """What an operator does about flags that are held."""
    for feature in ("auth", "plain"):
        deadline = time.monotonic() + 10
        while not await _set_again(rig, feature):
            assert time.monotonic() < deadline, f"the flag of {feature} cannot be set\n{rig.tail()}"
            await asyncio.sleep(0.05)


async def _set_again(rig, feature):
    try:
        return await rig.set_percent(feature, PERCENT)
    except OSError:
        return False


# -- disk and clock


async def _disk_is_full(rig, spell):
    block = bytes(65_536)
    for size in (65_536, 4096, 1):
        with (rig.state_dir / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(block[:size]):
                pass
    await _change_a_flag(rig, spell)


async def _disk_has_room(rig, spell):
    (rig.state_dir / "filler").unlink()


async def _files_may_not_grow(rig, spell):
    """The control process may write to no file: what it finds is what a full disk shows, on any file system."""
    pid = spell.kept["pid"] = await _pid(rig, "control")
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    spell.kept["limit"] = soft, hard
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    await _change_a_flag(rig, spell)


async def _files_may_grow(rig, spell):
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(spell.kept["pid"], resource.RLIMIT_FSIZE, spell.kept["limit"])


async def _change_a_flag(rig, spell):
    """It must be in force although nobody can write it down."""
    spell.kept["percent"] = rig.other_percent("auth")
    with contextlib.suppress(OSError):  # where another fault has taken the admin port away
        spell.kept["confirmed"] = await rig.set_percent("auth", spell.kept["percent"])


def _is_written_down(rig, spell):
    return rig.snapshot_percent("auth") == rig.percent_in_force("auth")


async def _clock_jumps(rig, spell):
    for offset in (HOUR, -HOUR, DAY, -DAY):
        rig.move_clock(offset)
        await asyncio.sleep(0.25)
    spell.kept["confirmed"] = await _set_again(rig, "plain")  # a day ago


async def _clock_is_right(rig, spell):
    rig.move_clock(0.0)


# -- all of them


def _backend(side):
    users, begun = of_its_users(side), of_its_users_or_begun(side)
    long = FIRST_BYTE_SECONDS + 0.4

    def fault(what, how, explains, **more):
        if side == NEW:
            more["diverts"] = always
        return Fault(f"{side} {what}", frozenset({side}), *how, explains, **more)

    def becomes(mode, **more):
        return _backend_becomes(side, mode, **more)

    return (
        fault("killed", _backend_dies(side), begun, hold=1.0),
        fault("frozen", _backend_freezes(side), users, hold=long),
        fault("slow", becomes("slow", seconds=0.3), costs_nothing, hold=0.8),
        fault("half-open", becomes("mute"), users, hold=long),
        fault("answers garbage", becomes("garbage"), begun),
        fault("answers twice", becomes("surplus"), costs_nothing),
        fault("resets mid-body", becomes("reset"), begun),
        fault("ends mid-body", becomes("cut"), begun),
        fault("answers 503", becomes("busy"), users),
    )


def _worker(slot):
    hurts = frozenset({slot})
    return (
        Fault(f"{slot} killed", hurts, _kill_worker(slot), None, on_its_connections, healed=_is_replaced(slot)),
        Fault(f"{slot} stalled", hurts, *_stall_worker(slot), costs_nothing, hold=0.8),
        Fault(
            f"{slot} without descriptors",
            hurts,
            *_no_descriptors(slot),
            on_its_connections,
            diverts=on_its_connections,
            hold=0.8,
        ),
    )


FAULTS = (
    *_worker("w0"),
    *_worker("w1"),
    Fault("control killed", frozenset({"control"}), _kill_control, healed=_is_replaced("control")),
    *_backend(NEW),
    *_backend(LEGACY),
    Fault("Redis killed", frozenset({"redis"}), _redis_dies, _redis_starts, hold=1.0),
    Fault("Redis killed and empty", frozenset({"redis"}), _redis_dies, _redis_starts_empty),
    Fault("Redis frozen", frozenset({"redis"}), _redis_freezes, _redis_thaws, hold=2.5),
    Fault("Redis full", frozenset({"redis"}), _redis_is_full, _redis_has_room),
    Fault("Redis wiped", frozenset({"redis"}), _redis_is_wiped, _flags_anew),
    Fault(
        "disk full",
        frozenset({"disk"}),
        _disk_is_full,
        _disk_has_room,
        healed=_is_written_down,
        possible=lambda rig: rig.has_small_disk,
    ),
    Fault("files may not grow", frozenset({"disk"}), _files_may_not_grow, _files_may_grow, healed=_is_written_down),
    Fault("clock jumps", frozenset({"clock"}), _clock_jumps, _clock_is_right, hold=0.1),
)
BY_NAME = {fault.name: fault for fault in FAULTS}


def explained(outcome, spells):
    """Whether one of these (fault, spell) pairs explains a failure. Both backends hurt explain what may go to both."""
    covering = [(fault, spell) for fault, spell in spells if spell.covers(outcome)]
    if any(fault.explains(outcome, spell) for fault, spell in covering):
        return True
    hurt = {name for fault, _ in covering for name in fault.hurts}
    return {LEGACY, NEW} <= hurt and outcome.ask.feature is not None and NEW in outcome.sides


def may_divert(outcome, spells):
    """Whether one of them explains that legacy answered a user of new."""
    return any(fault.diverts(outcome, spell) for fault, spell in spells if spell.covers(outcome))
