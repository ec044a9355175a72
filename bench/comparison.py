"""What a comparison costs: `python -m bench.comparison`, our own beside the library deepdiff.

Pairs of JSON replies of three sizes, the same, the same in other bytes (keys in another order), and with a few
differences; without rules, and with such as a feature has. The figures are CPU time of this thread, medians of rounds
that alternate, so that a busy moment of a shared machine is everybody's.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, Final

import orjson
from deepdiff import DeepDiff
from rich.table import Table

from bench.table import console
from gateway.rules.compare import Rules
from gateway.rules.json_path import parse_path
from gateway.rules.replies import Reply, ReplyRules, compare_replies
from gateway.rules.tolerance import Tolerance

ROUNDS: Final = 11
SECONDS: Final = 0.02
"""Of CPU, for each measurement of a round."""
HEADERS: Final = (
    ("content-type", "application/json"), ("date", "Mon, 30 Nov 2026 12:00:00 GMT"), ("server", "x"),
    ("cache-control", "no-store"), ("vary", "accept-encoding"), ("x-request-id", "1"), ("etag", '"a"'),
)  # fmt: skip
RULES: Final = ReplyRules(
    body=Rules(
        ignore=(parse_path("$.token"), parse_path("$..updated_at")),
        unordered=((parse_path("$.items"), "id"),),
        tolerance=((parse_path("$.items[*].score"), Tolerance(0.01)),),
    )
)


@dataclass(frozen=True, slots=True)
class Case:
    """One pair of replies. differences: what is found, so that nobody is measured who finds nothing."""

    name: str
    legacy: Reply
    new: Reply
    rules: ReplyRules
    differences: int


def main() -> None:
    cases = list(_cases())
    for case in cases:
        found = compare_replies(case.legacy, case.new, case.rules)
        assert len(found) == case.differences, (case.name, found)
    ours: dict[str, list[float]] = {case.name: [] for case in cases}
    theirs: dict[str, list[float]] = {case.name: [] for case in cases}
    for _ in range(ROUNDS):
        for case in cases:
            ours[case.name].append(_microseconds(partial(compare_replies, case.legacy, case.new, case.rules)))
            theirs[case.name].append(_microseconds(partial(_by_deepdiff, case)))
    table = Table(title="one comparison, reading both bodies included: us of CPU, medians of alternating rounds")
    for title in ("", "ours", "deepdiff", "times"):
        table.add_column(title, justify="right" if title else "left")
    for case in cases:
        us, them = median(ours[case.name]), median(theirs[case.name])
        table.add_row(case.name, f"{us:,.1f}", f"{them:,.0f}", f"{them / us:,.0f}")
    console().print(table)


def _by_deepdiff(case: Case) -> Any:
    """Without our rules, for which it has none that are alike, but for the list without order and what is ignored."""
    return DeepDiff(
        orjson.loads(case.legacy.body),
        orjson.loads(case.new.body),
        exclude_regex_paths=[r"\['updated_at'\]$", r"^root\['token'\]"] if case.rules is RULES else None,
        zip_ordered_iterables=True,
    )


def _microseconds(work: Callable[[], object]) -> float:
    """CPU of one call, of as many as take SECONDS."""
    calls = 1
    while True:
        began = time.thread_time()
        for _ in range(calls):
            work()
        spent = time.thread_time() - began
        if spent >= SECONDS:
            return spent / calls * 1e6
        calls *= 4


def _cases() -> Iterator[Case]:
    for size, items in (("0.2 kB", 1), ("2 kB", 13), ("50 kB", 330)):
        legacy = orjson.dumps(_content(items))
        label = f"{size} ({len(legacy):,} bytes)"
        yield Case(f"{label}, the same bytes", _reply(legacy), _reply(legacy), RULES, 0)
        yield Case(f"{label}, keys in another order", _reply(legacy), _reply(_turned(_content(items))), RULES, 0)
        changed, noisy = _changed(_content(items)), _noisy(_changed(_content(items)))
        yield Case(f"{label}, three differ, no rules", _reply(legacy), _reply(orjson.dumps(changed)), ReplyRules(), 3)
        changed["token"] = "t-2"  # noqa: S105 - of nobody
        yield Case(f"{label}, three differ, rules", _reply(legacy), _reply(orjson.dumps(changed)), RULES, 3)
        yield Case(f"{label}, three and all that rules allow", _reply(legacy), _reply(orjson.dumps(noisy)), RULES, 3)


def _reply(body: bytes) -> Reply:
    return Reply(200, HEADERS, body)


def _turned(content: dict[str, Any]) -> bytes:
    """Each object's keys in the other order."""
    content["items"] = [dict(reversed(item.items())) for item in content["items"]]
    return orjson.dumps(dict(reversed(content.items())))


def _content(items: int) -> dict[str, Any]:
    return {
        "total": items,
        "token": "t-1",
        "items": [
            {
                "id": number,
                "name": f"file-{number}.pdf",
                "size_bytes": 1000 + number,
                "score": number / 7,
                "tags": ["a", "b"],
                "owner": {"id": number % 9, "active": True},
                "updated_at": "2026-11-30T12:00:00Z",
            }
            for number in range(items)
        ],
        "next": None,
    }


def _changed(content: dict[str, Any]) -> dict[str, Any]:
    """In three places."""
    content["next"] = "/page/2"
    content["items"][0]["size_bytes"] = "1000"
    del content["items"][-1]["owner"]["active"]
    return content


def _noisy(content: dict[str, Any]) -> dict[str, Any]:
    """In what the rules make alike: a token, times, an order, a hundredth."""
    content["token"] = "t-2"  # noqa: S105 - of nobody
    for item in content["items"]:
        item["updated_at"] = "2026-11-30T12:00:07Z"
        item["score"] += 0.001
    content["items"].reverse()
    return content


if __name__ == "__main__":
    main()
