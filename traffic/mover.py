"""Moves flags while a run lasts, and puts them back as they were.

A flag belongs to whoever changed it last. Every change of ours names the revision that we left it at; where somebody
else has changed it meanwhile (a kill above all), it is theirs: it is moved no further and not put back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from traffic.flags import Changed, Flag, Flags, FlagsError, TakenOverError

Rest = Callable[[float], Awaitable[bool]]


@dataclass(slots=True)
class Moved:
    """What became of one flag. before: as it was. rev: as we left it; unsure: percents whose change was not answered,
    so that it may have been made. skipped: changes that failed, or were left out because those before took too long.
    """

    before: Flag
    rev: int
    unsure: set[str] = field(default_factory=set)
    percent: str = ""
    changes: int = 0
    skipped: int = 0
    unconfirmed: int = 0
    taken_over: bool = False
    put_back: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def feature(self) -> str:
        return self.before.feature

    def made(self, changed: Changed) -> None:
        self.rev = changed.rev
        self.unsure.clear()
        self.changes += 1
        self.unconfirmed += bool(changed.missing)

    def is_ours(self, now: Flag) -> bool:
        """Whether it is as we left it, or as a change of ours made it whose answer was lost."""
        return now.rev == self.rev or (now.rev == self.rev + 1 and now.percent in self.unsure)


def movable(flag: Flag) -> str:
    """Why a flag cannot be moved, in words; empty where it can."""
    if flag.killed_by:
        return f"{flag.feature} is killed (by {', '.join(flag.killed_by)}): no percent of it is in force"
    if flag.held:
        return f"{flag.feature} is held: say first what is meant, such as `gateway flag adopt {flag.feature}`"
    if not flag.reversible:
        return f"{flag.feature} is not reversible: putting it back would move users off new"
    return ""


class Mover:
    """plans: the percents of each feature, in order, one every so many seconds. rest: as of `pacing.moments`."""

    def __init__(
        self,
        before: Sequence[Flag],
        plans: Mapping[str, Sequence[str]],
        *,
        flags: Callable[[], Flags],
        every: float,
        clock: Callable[[], float],
        rest: Rest,
    ) -> None:
        self.moved = {flag.feature: Moved(flag, flag.rev) for flag in before}
        self._plans = plans
        self._every = every
        self._clock = clock
        self._rest = rest
        self._flags = {feature: flags() for feature in self.moved}
        """One each: a change waits for workers, and features do not wait for each other."""

    async def begin(self) -> None:
        """The first percent of each plan: before the first user comes, so that it moves none of them."""
        await asyncio.gather(*(self._set(moved, self._plans[moved.feature][0]) for moved in self.moved.values()))

    async def move(self) -> None:
        """The others, until the plans are through or `rest` says that it is over."""
        await asyncio.gather(*(self._move(moved) for moved in self.moved.values()))

    async def _move(self, moved: Moved) -> None:
        start, plan = self._clock(), self._plans[moved.feature]
        for number, percent in enumerate(plan[1:], start=1):
            if moved.taken_over:
                return
            ahead = start + number * self._every - self._clock()
            if ahead < -self._every and number + 1 < len(plan):
                moved.skipped += 1
            elif not await self._rest(max(0.0, ahead)):
                return
            else:
                await self._set(moved, percent)

    async def _set(self, moved: Moved, percent: str) -> None:
        try:
            moved.made(await self._flags[moved.feature].set_percent(moved.feature, percent, expected_rev=moved.rev))
            moved.percent = percent
        except TakenOverError:
            moved.skipped += 1
            await self._look_whose_it_is(moved)
        except FlagsError as error:
            moved.skipped += 1
            moved.unsure.add(percent)
            moved.notes = [f"a change failed: {error}"]

    async def _look_whose_it_is(self, moved: Moved) -> None:
        try:
            now = await self._flags[moved.feature].read(moved.feature)
        except FlagsError:
            return  # the next change asks again
        if moved.is_ours(now):
            moved.rev = now.rev
            moved.unsure.clear()
        else:
            self._leave(moved)

    @staticmethod
    def _leave(moved: Moved) -> None:
        moved.taken_over = True
        moved.notes.append("somebody else has changed it: it is left as they want it")

    async def put_back(self) -> bool:
        """Whether every flag that is still ours is as it was. To be called once, whatever happened."""
        await asyncio.gather(*(self._put_back(moved) for moved in self.moved.values()))
        for flags in self._flags.values():
            await flags.close()
        return all(moved.put_back or moved.taken_over for moved in self.moved.values())

    async def _put_back(self, moved: Moved) -> None:
        if moved.taken_over:
            return
        if not (moved.changes or moved.unsure):
            moved.put_back = True
            return
        try:
            now = await self._flags[moved.feature].read(moved.feature)
            if moved.is_ours(now):
                await self._restore(moved, now)
            else:
                self._leave(moved)
        except TakenOverError:
            self._leave(moved)
        except FlagsError as error:
            again = f"set {moved.feature} {moved.before.percent}" if _of_redis(moved) else f"unset {moved.feature}"
            moved.notes.append(f"NOT PUT BACK: {error}; type: gateway flag {again}")

    async def _restore(self, moved: Moved, now: Flag) -> None:
        """`unset` would end a kill that somebody has typed by hand, which moves no revision: then the percent alone."""
        flags, before = self._flags[moved.feature], moved.before
        if _of_redis(moved) or now.killed_by:
            made = await flags.set_percent(moved.feature, before.percent, expected_rev=now.rev)
        else:
            made = await flags.unset(moved.feature, expected_rev=now.rev)
        moved.put_back = True
        if made.missing:
            moved.notes.append(f"not confirmed yet that it is put back: {', '.join(made.missing)}")
        if now.killed_by:
            moved.notes.append(f"killed meanwhile (by {', '.join(now.killed_by)}), and left so")


def _of_redis(moved: Moved) -> bool:
    return moved.before.source == "redis"
