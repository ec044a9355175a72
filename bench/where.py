"""Where the microseconds of a request go: a profile of a worker, taken apart by the phases of a request.

    perf record -F 1499 -e cpu-clock --call-graph dwarf,8192 -p WORKER -o worker.perf -- sleep 5
    perf script -i worker.perf -F ip,sym > worker.stacks
    python -m bench.where worker.stacks 31

or, of a worker that is not compiled, which alone it sees:

    py-spy record --pid WORKER --native --rate 500 --duration 10 --format raw --output worker.stacks

The number is the CPU of a request in microseconds, as `make bench` has it. Each sample counts once, for the innermost
frame that a row names, so that the rows add up.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

WRITE = "kernel: write to the upstream"
REST = "between the phases"
ROWS: tuple[tuple[str, str], ...] = (
    (WRITE, r"write \(libc|_libc_write"),
    ("kernel: read", r"(read|recv\w*) \(libc|_libc_(read|recv)|uv__read"),
    ("kernel: wait for events", r"(epoll_\w+|poll) \(libc|epoll_pwait|uv__io_poll"),
    ("garbage collector", r"gc_collect|gc_alloc"),
    ("read the reply", r"reply_parser|data_received \(gateway/upstream|(connection|exchange)___\w+___data_received"),
    ("receive: the exchange", r"(receive|take|_exchange) \(gateway/proxy|Proxy___(take|_exchange)|ClientSide____"),
    ("match", r"match \(gateway/proxy|Proxy___match"),
    ("settle: metrics and log", r"settle \(gateway/proxy|Proxy___settle|telemetry|(metrics|cell)___"),
    ("settle: metrics and log", r"(complete|failed|abandon) \(gateway/attempts|Attempts___(complete|failed|abandon)"),
    ("decide", r"decide \(gateway/proxy|Proxy___decide"),
    ("admit: the body", r"(_admit|_body) \(gateway/proxy|Proxy____body|_admit_Proxy"),
    ("prepare: the request for the upstream", r"prepare \(gateway/proxy|Proxy___prepare"),
    ("send: guard, pool, encode", r"_send \(gateway/proxy|_send_Proxy"),
    ("relay: the answer for the client", r"_relay \(gateway/proxy|_relay_Proxy"),
    (REST, r"(_handle|serve|_step) \(gateway/(proxy|runner)|_handle_Proxy|serve_Proxy|Runner____step"),
    ("read the request's head", r"_take_head|parse_head|request_scope|EdgeProtocol(\.|___)_serve"),
)
"""In the order in which they are tried for each frame."""

LOOP = "event loop and tasks"
TO_CLIENT = "kernel: write to the client"
_CLIENTS = re.compile(r"write \(gateway/edge|Wire___write")
_OURS = re.compile(r"\(gateway/(proxy|edge)|CPyDef_")
_ROWS = tuple((row, re.compile(pattern)) for row, pattern in ROWS)


def row_of(stack: str) -> str:
    """Of one sample: its frames, outermost first, between semicolons."""
    frames = stack.split(";")
    for frame in reversed(frames):
        for row, pattern in _ROWS:
            if pattern.search(frame):
                to_client = row == WRITE and any(_CLIENTS.search(each) for each in frames)
                return TO_CLIENT if to_client else row
    return REST if _OURS.search(stack) else LOOP


def folded(text: str) -> Iterator[str]:
    """Stacks as py-spy's raw format has them, a line each, out of those or out of perf's blocks, innermost first."""
    if ";" in text.partition("\n")[0]:
        yield from text.splitlines()
        return
    for block in text.split("\n\n"):
        frames = [words[1] for line in block.splitlines() if len(words := line.split(maxsplit=1)) == 2]
        if frames:
            yield ";".join(reversed(frames)) + " 1"


def shares(lines: Iterable[str]) -> dict[str, float]:
    """Of all samples, by row; the largest first. lines: stacks with their counts."""
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
    parser.add_argument("stacks", type=Path, help="what perf script or py-spy has written")
    parser.add_argument("micros", type=float, help="CPU of a request, in microseconds")
    given = parser.parse_args()
    print(table(shares(folded(given.stacks.read_text(encoding="utf-8", errors="replace"))), given.micros))


if __name__ == "__main__":
    main()
