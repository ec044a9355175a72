"""The rounds: in each, every heat once, its entries one after the other, every contestant started anew."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Self

from redis import RedisError

from bench.contestants.base import Contestant
from bench.figures import Figures
from bench.measure import MeasureError
from bench.plan import Entry, Heat
from bench.stage import Running, Stage, StartError

Told = Callable[[Entry, int], None]
"""Called before each measurement with its round, for those who watch."""


def run(stage: Stage, heats: Sequence[Heat], rounds: int, figures: Figures, told: Told) -> None:
    """What fails is written into the figures, and the rest goes on."""
    for number in range(1, rounds + 1):
        with _Cast(stage) as cast:
            for place, heat in enumerate(heats):
                for entry in heat:
                    told(entry, number)
                    _measure(stage, cast, entry, figures)
                cast.dismiss_all_but({each.contestant for later in heats[place + 1 :] for each in later})


def _measure(stage: Stage, cast: "_Cast", entry: Entry, figures: Figures) -> None:
    try:
        if entry.fresh:
            with stage.running(entry.contestant) as alone:
                figures.add(entry.who, entry.workload, entry.measure(stage, alone))
        else:
            figures.add(entry.who, entry.workload, entry.measure(stage, cast.running(entry.contestant)))
    except (MeasureError, StartError, LookupError, OSError, RedisError) as error:
        figures.fail(entry.who, entry.workload, str(error) or type(error).__name__)


class _Cast:
    """The contestants of a round: each is started when its first turn comes, and stopped after its last."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._running: dict[Contestant, tuple[Running, contextlib.ExitStack]] = {}

    def running(self, contestant: Contestant) -> Running:
        """Raises StartError."""
        if contestant not in self._running:
            with contextlib.ExitStack() as stack:
                one = stack.enter_context(self._stage.running(contestant))
                self._running[contestant] = one, stack.pop_all()
        return self._running[contestant][0]

    def dismiss_all_but(self, needed: set[Contestant]) -> None:
        for contestant in [each for each in self._running if each not in needed]:
            _, stack = self._running.pop(contestant)
            stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dismiss_all_but(set())
