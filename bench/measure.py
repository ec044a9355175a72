"""One measurement of one contestant: load on it, its CPU by the operating system, and proof that the work was done."""

import math
from dataclasses import dataclass
from typing import Any, Self

from bench.processes import Account, Ticks, cpu_seconds, role
from bench.stage import Running, Stage
from bench.wire import SHARE, WORKS, Side

WARM_UP_SECONDS = 0.3
ANSWER_SECONDS = 90.0
SIGMAS = 4.5


class MeasureError(Exception):
    """The measurement counts for nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the load generators counted together, and the CPU meanwhile, in seconds: of the tree by role, of helpers.

    machine: the share of all cores that was in use, by whomever.
    """

    seconds: float
    replies: int
    sides: dict[Side, int]
    users: int
    moved: int
    latencies: list[int]
    lateness: list[int]
    cpu: dict[str, float]
    helpers_cpu: float
    machine: float

    @property
    def tree_cpu(self) -> float:
        return sum(self.cpu.values())

    @property
    def share(self) -> float:
        """The percent of replies that new gave."""
        return 100 * self.sides[Side.NEW] / self.replies


class Load:
    """Open connections from all load generators to one contestant."""

    def __init__(self, stage: Stage, running: Running, *, work: str, connections: int) -> None:
        self._stage, self._running = stage, running
        self.work = WORKS[work]
        counts = [connections // len(stage.loaders)] * len(stage.loaders)
        counts[0] += connections - sum(counts)
        for loader, count in zip(stage.loaders, counts, strict=True):
            loader.tell(do="open", port=running.place.port, connections=count, work=work)
        _all_well([loader.answer(ANSWER_SECONDS) for loader in stage.loaders])

    def close(self) -> None:
        for loader in self._stage.loaders:
            loader.ask(within=ANSWER_SECONDS, do="close")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def closed(self, seconds: float) -> Result:
        """Every connection asks as fast as it is answered."""
        return self._run(do="closed", seconds=seconds)

    def open_loop(self, rate: float, seconds: float) -> Result:
        """A constant rate, all connections together."""
        return self._run(do="open_loop", rate=rate / len(self._stage.loaders), seconds=seconds)

    def once(self) -> Result:
        """One request on each connection."""
        return self._run(do="once")

    def _run(self, **command: Any) -> Result:
        account = Account(self._running.pid)
        helpers = sum(map(cpu_seconds, self._stage.helpers))
        ticks = Ticks.read()
        for loader in self._stage.loaders:
            loader.tell(**command)
        said = [loader.answer(ANSWER_SECONDS + command.get("seconds", 0.0)) for loader in self._stage.loaders]
        spent, machine = account.close(), ticks.share_in_use()
        helpers = sum(map(cpu_seconds, self._stage.helpers)) - helpers
        result = _together(said, spent, helpers_cpu=helpers, machine=machine)
        self._prove(result)
        return result

    def _prove(self, result: Result) -> None:
        """That new got its share, and that whoever promises it kept users where they were."""
        if not result.replies:
            raise MeasureError("no replies")
        if result.moved and self._running.contestant.sticky:
            raise MeasureError(f"{result.moved} users were moved to another side")
        off, allowed = abs(result.share - SHARE), sampling_error(min(result.users, result.replies))
        if off > allowed:
            raise MeasureError(f"{result.share:.2f} % on new instead of {SHARE} +- {allowed:.2f} %")


def sampling_error(users: int) -> float:
    """How far a share may be off by chance, in percent, when so many users are dealt."""
    chance = SHARE / 100
    return 100 * (SIGMAS * math.sqrt(chance * (1 - chance) / users) + 1 / users)


def _together(said: list[dict[str, Any]], spent: dict[int, float], *, helpers_cpu: float, machine: float) -> Result:
    _all_well(said)
    cpu: dict[str, float] = {}
    for pid, seconds in spent.items():
        name = role(pid)
        cpu[name] = cpu.get(name, 0.0) + seconds
    return Result(
        seconds=max(each["seconds"] for each in said),
        replies=sum(each["replies"] for each in said),
        sides={side: sum(each["sides"][side] for each in said) for side in Side},
        users=max(each["users"] for each in said),
        moved=sum(each["moved"] for each in said),
        latencies=sorted(value for each in said for value in each["latencies"]),
        lateness=sorted(value for each in said for value in each["lateness"]),
        cpu=cpu,
        helpers_cpu=helpers_cpu,
        machine=machine,
    )


def _all_well(said: list[dict[str, Any]]) -> None:
    errors = [error for each in said for error in each.get("errors", ())]
    if errors:
        raise MeasureError("; ".join(dict.fromkeys(errors)))
