"""A campaign: so many cases of each kind, every one made from a seed and its index alone, and what is left of them.

Runs in one process on a `MemoryLoop`; `__main__` starts several. A finding is shrunk to the smallest case that still
shows it before it is reported.
"""

import asyncio
import dataclasses
import gc
import multiprocessing
import os
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.fuzz import differences, reply_cases, request_cases
from tests.fuzz.gateway_under_test import Plane
from tests.fuzz.memory import MemoryLoop
from tests.fuzz.reply_mutator import ReplyCase, reply_case
from tests.fuzz.request_cases import Finding
from tests.fuzz.request_mutator import RequestCase, request_case

MAX_FINDINGS = 10
LONGEST_COMPARED = 20_000
"""Bytes. Longer cases test backpressure, and other parsers have nothing to say to that."""
MAX_SHRINKING = 600
BLOCKS = 200
WARM = 0.1
"""Of a process's blocks of cases, before its memory is first looked at: caches fill."""
MAX_GROWTH_KIB = 16_384


async def check_request(plane, case):
    """Raises what was found. Returns the differences to other parsers, and what the messages were."""
    link = await request_cases.play(plane, case)
    messages = request_cases.judge(case, link, plane.connections)
    found = differences.of_requests(case.data, messages) if len(case.data) < LONGEST_COMPARED else []
    return found, [message.state for message in messages]


async def check_reply(plane, case):
    """The same for a reply."""
    upstream, told = await reply_cases.play(plane, case)
    reply = reply_cases.judge(case, upstream, told)
    to_head, eof = case.methods[case.broken] == b"HEAD", case.ending == "close"
    short = len(case.data) < LONGEST_COMPARED
    return differences.of_replies(case.data, reply, to_head=to_head, eof=eof) if short else [], [reply.state]


KINDS = {"request": (request_case, RequestCase, check_request), "reply": (reply_case, ReplyCase, check_reply)}


@dataclass
class Tally:
    """What came of some cases. cases: by kind. counts: differences, by (kind, parser, relation, class). findings: one
    of each sort; repeats: how many there were.
    """

    cases: Counter = field(default_factory=Counter)
    counts: Counter = field(default_factory=Counter)
    states: Counter = field(default_factory=Counter)
    findings: list = field(default_factory=list)
    repeats: Counter = field(default_factory=Counter)

    def add(self, other):
        self.cases += other.cases
        self.counts += other.counts
        self.states += other.states
        self.findings += other.findings
        self.repeats += other.repeats


@dataclass
class Spent:
    """What a process has used. before: once it was warm; after: at its end."""

    before: dict
    after: dict
    seconds: float


def case_of(kind, seed, index):
    """The case of that number, whatever ran before it."""
    return KINDS[kind][0](random.Random(seed << 48 | list(KINDS).index(kind) << 40 | index))


def resources():
    """Of this process: resident memory and descriptors (0 without /proc), objects that the collector knows."""
    gc.collect()
    proc = Path("/proc/self")
    pages = int((proc / "statm").read_text().split()[1]) if proc.exists() else 0
    return {
        "KiB": pages * os.sysconf("SC_PAGE_SIZE") // 1024,
        "fds": len(list((proc / "fd").iterdir())) if proc.exists() else 0,
        "objects": len(gc.get_objects()),
    }


def run(parts, seed, report=lambda _: None):
    """parts: by kind, the indices of its cases. All of them, kinds in turn, in a loop of its own. report: called with
    the `Tally` of each block as it is done. Returns that of all, and the `Spent`.
    """
    with asyncio.Runner(loop_factory=MemoryLoop) as runner:
        return runner.run(_run(parts, seed, report))


def work(parts, seed, queue):
    """A process's part of it: a `Tally` for each block, and `Spent` in the end. Ends with the process that began it."""
    parent = multiprocessing.parent_process()

    def report(tally):
        if parent is not None and not parent.is_alive():
            sys.exit(1)
        queue.put(tally)

    queue.put(run(parts, seed, report)[1])


def blocks(parts):
    """(kind, indices), so that each kind is as far as the others."""
    for number in range(BLOCKS):
        for kind, indices in parts.items():
            yield kind, indices[len(indices) * number // BLOCKS : len(indices) * (number + 1) // BLOCKS]


async def _run(parts, seed, report):
    plane, total, before = Plane(asyncio.get_running_loop()), Tally(), {}
    began = time.process_time()
    for number, (kind, indices) in enumerate(blocks(parts)):
        if number == BLOCKS * len(parts) * WARM:
            before = resources()
        tally = Tally()
        for index in indices:
            await _one(plane, (kind, seed, index), tally, total.repeats)
        tally.cases[kind] += len(indices)
        total.add(tally)
        report(tally)
        if len(total.findings) >= MAX_FINDINGS:
            break
    seconds, after = time.process_time() - began, resources()
    last = Tally(findings=leaks(before or after, after))
    total.add(last)
    report(last)
    return total, Spent(before or after, after, seconds)


async def _one(plane, numbered, tally, known):
    kind, seed, index = numbered
    case = case_of(kind, seed, index)
    found = await fault_of(plane, kind, case, tally)
    if found is None:
        return
    sort = _sort_of(found)
    tally.repeats[sort] += 1
    if not known[sort] and tally.repeats[sort] == 1:
        small, fault = await shrunk(plane, kind, case, found)
        tally.findings.append(f"{kind} {index} of seed {seed}: {fault}\n  {small!r}")


async def fault_of(plane, kind, case, tally=None):
    """What is wrong with a case; None where nothing is."""
    try:
        found, states = await KINDS[kind][2](plane, case)
        unnamed = [difference for difference in found if difference.name is None]
        if unnamed:
            raise Finding(f"a difference of no class: {unnamed[0]}")  # noqa: TRY301 - told as all others are
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        plane.reset()
        return f"{type(error).__name__}: {error}"
    if tally is not None:
        tally.counts.update((kind, each.parser, each.relation, each.name) for each in found)
        tally.states.update((kind, state) for state in states)
    return None


async def shrunk(plane, kind, case, fault):
    """The smallest case found that shows the same fault, and the fault in its words."""
    tries, size, wanted = 0, max(len(case.data) // 2, 1), _sort_of(fault)
    for calmer in ({"cuts": []}, {"turns": 0}, {"slow": False}, {"ending": "eof"}, {"chunked": False}, {"broken": 0}):
        if set(calmer) <= {each.name for each in dataclasses.fields(case)}:
            other = dataclasses.replace(case, **calmer)
            again = await fault_of(plane, kind, other)
            if again is not None and _sort_of(again) == wanted:
                case, fault = other, again
    for start, end in _spans(case.data):
        tries += 1
        other = _without(case, start, end - start)
        again = await fault_of(plane, kind, other)
        if again is not None and _sort_of(again) == wanted:
            case, fault = other, again
    while size and tries < MAX_SHRINKING:
        at = 0
        while at < len(case.data) and tries < MAX_SHRINKING:
            tries += 1
            other = _without(case, at, size)
            again = await fault_of(plane, kind, other)
            if again is not None and _sort_of(again) == wanted:
                case, fault = other, again
            else:
                at += size
        size //= 2
    return case, fault


def _spans(data):
    """Heads and lines, the last first: what a case can often do without whole."""
    for end in (b"\r\n\r\n", b"\r\n"):
        bounds = [0, *(found.end() for found in re.finditer(re.escape(end), data)), len(data)]
        yield from [(start, stop) for start, stop in pairwise(bounds) if stop > start][::-1]


def _without(case, at, size):
    cuts = sorted({cut - min(max(cut - at, 0), size) for cut in case.cuts})
    data = case.data[:at] + case.data[at + size :]
    return dataclasses.replace(case, data=data, cuts=[cut for cut in cuts if 0 < cut < len(data)])


def _sort_of(fault):
    """The words of a fault without what is the case's own."""
    return re.sub(r"[0-9]+|b['\"].*", "", fault.partition(": ")[2])[:110]


def leaks(before, after):
    """What a process holds at its end and did not hold when it was warm."""
    found = []
    if after["fds"] > before["fds"]:
        found.append(f"descriptors: {before['fds']} before, {after['fds']} after")
    if after["objects"] > before["objects"] * 1.02 + 500:
        found.append(f"objects: {before['objects']} before, {after['objects']} after")
    if after["KiB"] > before["KiB"] + MAX_GROWTH_KIB:
        found.append(f"memory: {before['KiB']} KiB before, {after['KiB']} KiB after")
    return found
