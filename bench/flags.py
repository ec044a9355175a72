"""A flag that changes under full load: how long until a client gets the first answer that obeys it."""

import random
import time

import redis

from bench.measure import ANSWER_SECONDS, WARM_UP_SECONDS, Load, MeasureError
from bench.stage import Running, Stage
from bench.wire import SHARE, Side
from bench.workloads import CONNECTIONS, Measure, Metrics

FLAG = "gateway:flag:shop"
PAUSE_SECONDS = (0.2, 0.4)
"""Between two changes, drawn anew each time, so that nothing of ours keeps step with them."""

SLACK_SECONDS = 0.005
"""What a change may take to be written, on the average, before the load ends too early."""


def flag_changes(count: int) -> Measure:
    """Everybody to new, everybody to legacy, and so on, by HSET as an operator may type it.

    Both times are from before the command is sent. `effect_ms` ends when the first request that the change sent to the
    other side arrives there; `answer_ms` when a client has its answer, so a whole request under full load is in it.
    """

    def measure(stage: Stage, running: Running) -> Metrics:
        with Load(stage, running, work="get", connections=CONNECTIONS) as load:
            load.closed(WARM_UP_SECONDS)
            return _changes(stage, running, count)

    return measure


def _changes(stage: Stage, running: Running, count: int) -> Metrics:
    pauses = [random.uniform(*PAUSE_SECONDS) for _ in range(count)]
    seconds = sum(pauses) + SLACK_SECONDS * (100 + count)
    for loader in stage.loaders:
        loader.tell(do="watch", seconds=seconds)
    made = _make(running.place.others[1], pauses)
    said = [loader.answer(ANSWER_SECONDS + seconds) for loader in stage.loaders]
    errors = [error for each in said for error in each["errors"]]
    if errors:
        raise MeasureError("; ".join(errors))
    answers = [(at, Side(side)) for each in said for at, side in each["changes"]]
    arrivals = [
        (at, side)
        for side, origin in zip(Side, stage.origins, strict=True)
        for at in origin.ask(within=ANSWER_SECONDS)["silences"]
    ]
    return {"effect_ms": effects(made, arrivals), "answer_ms": effects(made, answers)}


def _make(redis_port: int, pauses: list[float]) -> list[tuple[float, Side]]:
    """The changes, with the moment before each."""
    made: list[tuple[float, Side]] = []
    with redis.Redis(port=redis_port) as server:
        server.hset(FLAG, "percent", "0")
        for number, pause in enumerate(pauses):
            time.sleep(pause)  # what lies between two changes of an operator, in small
            side = Side.LEGACY if number % 2 else Side.NEW
            made.append((time.monotonic(), side))
            server.hset(FLAG, "percent", "100" if side is Side.NEW else "0")
        time.sleep(PAUSE_SECONDS[1])  # for the last one
        server.hset(FLAG, "percent", str(SHARE))
    return made


def effects(made: list[tuple[float, Side]], seen: list[tuple[float, Side]]) -> list[float]:
    """Milliseconds from each change to the first that was seen on its side. Raises MeasureError where there is none."""
    found = []
    ends = [at for at, _ in made[1:]] + [float("inf")]
    for (began, side), end in zip(made, ends, strict=True):
        first = min((at for at, by in seen if by is side and began <= at < end), default=None)
        if first is None:
            raise MeasureError(f"a change to {side} had no effect before the next one")
        found.append(1000 * (first - began))
    return found
