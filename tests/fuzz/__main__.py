"""The whole campaign: `make fuzz`, or `python -m tests.fuzz --requests 1000000 --replies 200000 --seed 1`.

Prints progress, a summary and the minimal case of every finding; exits 1 where there is one. `--only request:12345`
plays one case of the seed again.
"""

import argparse
import asyncio
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from queue import Empty

import uvloop

from tests.fuzz import wire_cases
from tests.fuzz.campaign import KINDS, Tally, case_of, leaks, resources, run, work
from tests.fuzz.differences import DOCUMENT, table

WIRE_OFFSET = 1 << 39
"""Indices of the cases over real sockets: none of those in memory."""
PROGRESS_SECONDS = 10


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=1_000_000, help="mutated requests, in memory")
    arguments.add_argument("--replies", type=int, default=200_000, help="mutated replies, in memory")
    arguments.add_argument("--wire", type=int, default=5000, help="mutated requests over real sockets")
    arguments.add_argument("--httpx", type=int, default=2000, help="mutated replies to the httpx client")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments.add_argument("--only", metavar="KIND:INDEX", help="one case again")
    arguments.add_argument("--write", action="store_true", help=f"write {DOCUMENT.name}")
    given = arguments.parse_args()
    if given.only:
        sys.exit(_again(given))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
    began = time.perf_counter()
    total, rates = Tally(), []
    try:
        rates += _in_processes({"request": given.requests, "reply": given.replies}, given, total)
        rates += _on_sockets(given, total)
    except KeyboardInterrupt:
        total.findings.append("it was stopped before its end")
    print()
    print(*rates, *_states(total), sep="\n")
    print(f"differences to h11 and llhttp: {total.counts.total():,}, in {len(total.counts)} classes")
    for finding in total.findings:
        print("FINDING", finding)
    print(*(f"{number} times: {sort}" for sort, number in total.repeats.most_common()), sep="\n")
    print(f"{len(total.findings)} findings in {time.perf_counter() - began:.0f} s")
    if given.write:
        figures = (
            f"The run: {total.cases['request']:,} mutated requests and {total.cases['reply']:,} mutated replies, seed"
            f" {given.seed}; {len(total.findings)} findings."
        )
        DOCUMENT.write_text(table(total.counts, figures))
    sys.exit(1 if total.findings else 0)


def _again(given):
    kind, _, index = given.only.partition(":")
    print(case_of(kind, given.seed, int(index)))
    tally, _ = run({kind: [int(index)]}, given.seed)
    print(*tally.findings or ["nothing is found"], sep="\n")
    return 1 if tally.findings else 0


def _in_processes(cases, given, total):
    """All cases in memory, dealt to processes. cases: how many of each kind. Returns words on what was used."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    began = shown = time.perf_counter()
    workers, spent = [], []
    for place in range(given.processes):
        parts = {kind: range(place, number, given.processes) for kind, number in cases.items()}
        workers.append(context.Process(target=work, args=(parts, given.seed, queue), daemon=True))
        workers[-1].start()
    while len(spent) < len(workers):
        try:
            message = queue.get(timeout=5)
        except Empty:
            dead = [worker.exitcode for worker in workers if worker.exitcode]
            if dead:
                total.findings.append(f"a process died with {dead}")
                break
            continue
        if isinstance(message, Tally):
            total.add(message)
            print(*(f"FINDING {finding}\n" for finding in message.findings), sep="", end="", flush=True)
        else:
            spent.append(message)
        if time.perf_counter() - shown > PROGRESS_SECONDS:
            shown = time.perf_counter()
            done = ", ".join(f"{number:,} of {cases[kind]:,} {kind} cases" for kind, number in total.cases.items())
            rate = total.cases.total() / (shown - began)
            print(f"{shown - began:.0f} s: {done}, {rate:,.0f}/s, {len(total.findings)} findings", flush=True)
    for worker in workers:
        worker.join()
    yield from _summary(total, spent, time.perf_counter() - began)


def _summary(total, spent, seconds):
    cpu = sum(each.seconds for each in spent)
    cases = total.cases.total()
    rate = cases / max(cpu, 0.001)
    yield f"in memory: {dict(total.cases)} in {seconds:.0f} s, {cpu:.0f} s of CPU: {rate:,.0f}/s of one core"
    for name in ("KiB", "fds", "objects"):
        held = "; ".join(f"{each.before[name]:,} -> {each.after[name]:,}" for each in spent)
        yield f"{name} of each process, when warm and at its end: {held}"


def _on_sockets(given, total):
    """Over real sockets, in this process. Findings end it: they name their case."""
    words = []
    for name, kind, cases, play, factory in (
        ("wire", "request", given.wire, wire_cases.run_requests, uvloop.new_event_loop),
        ("httpx", "reply", given.httpx, wire_cases.run_httpx, None),
    ):
        if not cases:
            continue
        _play(play, factory, [case_of(kind, given.seed, WIRE_OFFSET - 1 - index) for index in range(20)], Tally(), name)
        before, began = resources(), time.perf_counter()
        made = (case_of(kind, given.seed, WIRE_OFFSET + index) for index in range(cases))
        _play(play, factory, made, total, name)
        after = resources()
        total.findings += [f"{name}: {leak}" for leak in leaks(before, after)]
        words.append(
            f"{name}: {cases:,} cases over sockets in {time.perf_counter() - began:.0f} s;"
            f" memory {before['KiB']} -> {after['KiB']} KiB; descriptors {before['fds']} -> {after['fds']}"
        )
    return words


def _play(play, factory, cases, total, name):
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(play(cases))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        total.findings.append(f"{name}: {type(error).__name__}: {error}")


def _states(total):
    counts = Counter(total.states)
    for kind in KINDS:
        yield f"{kind}: read strictly as: " + ", ".join(
            f"{number:,} {state}" for (each, state), number in counts.most_common() if each == kind
        )


if __name__ == "__main__":
    main()
