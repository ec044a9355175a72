"""A flag that changes under full load: how long until a client gets the first answer that obeys it."""

import random
import time

import redis

from bench.measure import ANSWER_SECONDS, WARM_UP_SECONDS, Load, MeasureError
from bench.stage import Running, Stage
from bench.wire import SHARE, Side
from bench.workloads import CONNECTIONS, Measure, Metrics

FLAG = "gateway:flag:shop"
PAUSE_SECONDS = (0.03, 0.08)
"""Between two changes, drawn anew each time, so that nothing of ours keeps step with them."""

SLACK_SECONDS = 0.005
"""What a change may take to be written, on the average, before the load ends too early."""


def flag_changes(count: int) -> Measure:
    """Everybody to new, everybody to legacy, and so on, by HSET as an operator may type it.

    A change's time is from before the command is sent until its first effect has come back to a client, so a whole
    request under full load is in it.
    """

    def measure(stage: Stage, running: Running) -> Metrics:
        with Load(stage, running, work="get", connections=CONNECTIONS) as load:
            load.closed(WARM_UP_SECONDS)
            times = _changes(stage, running, count)
        return {"effect_ms": times}

    return measure


def _changes(stage: Stage, running: Running, count: int) -> list[float]:
    pauses = [random.uniform(*PAUSE_SECONDS) for _ in range(count)]
    for loader in stage.loaders:
        loader.tell(do="watch", seconds=sum(pauses) + SLACK_SECONDS * (100 + count))
    made: list[tuple[float, Side]] = []
    with redis.Redis(port=running.place.others[1]) as server:
        server.hset(FLAG, "percent", "0")
        for number, pause in enumerate(pauses):
            time.sleep(pause)  # what lies between two changes of an operator, in small
            side = Side.LEGACY if number % 2 else Side.NEW
            made.append((time.monotonic(), side))
            server.hset(FLAG, "percent", "100" if side is Side.NEW else "0")
        time.sleep(PAUSE_SECONDS[1])  # for the last one
        server.hset(FLAG, "percent", str(SHARE))
    said = [loader.answer(ANSWER_SECONDS + sum(pauses)) for loader in stage.loaders]
    errors = [error for each in said for error in each["errors"]]
    if errors:
        raise MeasureError("; ".join(errors))
    return effects(made, sorted((at, Side(side)) for each in said for at, side in each["changes"]))


def effects(made: list[tuple[float, Side]], seen: list[tuple[float, Side]]) -> list[float]:
    """Milliseconds from each change to the first answer by its side. Raises MeasureError where one never came."""
    found = []
    ends = [at for at, _ in made[1:]] + [float("inf")]
    for (began, side), end in zip(made, ends, strict=True):
        first = next((at for at, by in seen if by is side and began <= at < end), None)
        if first is None:
            raise MeasureError(f"a change to {side} had no effect before the next one")
        found.append(1000 * (first - began))
    return found
