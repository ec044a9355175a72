"""Where the microseconds of a request go: a profile of a worker, taken apart by the phases of a request.

    py-spy record --pid WORKER --native --rate 500 --duration 10 --format raw --output worker.raw
    python -m bench.where worker.raw 95

The number is the CPU of a request in microseconds, as `make bench` has it. Each sample counts once, for the innermost
frame that a row names, so that the rows add up.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

WRITE = "kernel: write to the upstream"
ROWS: tuple[tuple[str, str], ...] = (
    (WRITE, r"write \(libc"),
    ("kernel: read", r"(read|recv\w*) \(libc"),
    ("kernel: wait for events", r"(epoll_\w+|poll) \(libc"),
    ("garbage collector", r"gc_collect|gc_alloc"),
    ("read the request's head", r"_take_head|parse_head|request_scope|EdgeProtocol\._serve"),
    ("read the reply", r"gateway/upstream/reply_parser|data_received \(gateway/upstream"),
    ("receive: the exchange", r"receive \(gateway/proxy|ClientSide\.__init__"),
    ("match", r"match \(gateway/proxy"),
    ("decide", r"decide \(gateway/proxy"),
    ("admit: the body", r"_admit \(gateway/proxy"),
    ("prepare: the request for the upstream", r"prepare \(gateway/proxy"),
    (
        "settle: metrics and log",
        r"settle \(gateway/proxy|gateway/telemetry|(complete|failed|abandon) \(gateway/attempts",
    ),
    ("send: guard, pool, encode", r"_send \(gateway/proxy"),
    ("relay: the answer for the client", r"_relay \(gateway/proxy"),
)
"""In the order in which they are tried for each frame."""

LOOP = "event loop and tasks"
REST = "between the phases"
TO_CLIENT = "kernel: write to the client"
_ROWS = tuple((row, re.compile(pattern)) for row, pattern in ROWS)


def row_of(stack: str) -> str:
    """Of one sample: its frames, outermost first, between semicolons."""
    frames = stack.split(";")
    for frame in reversed(frames):
        for row, pattern in _ROWS:
            if pattern.search(frame):
                to_client = row == WRITE and any("gateway/edge/" in each and "write" in each for each in frames)
                return TO_CLIENT if to_client else row
    return REST if "(gateway/proxy" in stack or "(gateway/edge" in stack else LOOP


def shares(lines: Iterable[str]) -> dict[str, float]:
    """Of all samples, by row; the largest first. lines: stacks with their counts, as py-spy's raw format has them."""
    counts: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        counts[row_of(stack)] += int(count)
    total = counts.total()
    return {row: count / total for row, count in counts.most_common()}


def table(parts: dict[str, float], micros: float) -> str:
    """As Markdown."""
    lines = ["| part of a request | us | share |", "| --- | ---: | ---: |"]
    lines += [f"| {row} | {micros * share:.1f} | {share:.1%} |" for row, share in parts.items()]
    return "\n".join([*lines, f"| **all** | **{micros:.1f}** | **{sum(parts.values()):.0%}** |"])


def main() -> None:
    """For people."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path, help="what py-spy has written")
    parser.add_argument("micros", type=float, help="CPU of a request, in microseconds")
    given = parser.parse_args()
    print(table(shares(given.raw.read_text(encoding="utf-8").splitlines()), given.micros))


if __name__ == "__main__":
    main()
