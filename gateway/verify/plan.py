"""What is played, where and how often; and the counting of what was sent. Shared by `direct` and `through`."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.verify.flags import Change
from gateway.verify.player import Outcome, Play, Player, random_key
from gateway.verify.schema import Scenario
from gateway.verify.timing import Limits
from gateway.verify.verdict import Mode, StepResult, Verdict

Progress = Callable[[str], None]


class CannotPlayError(Exception):
    """Nothing can be said of new: legacy, or the gateway, is not there. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class Plan:
    """gateway: None to leave it alone. repeat: None for as often as it takes. limits: None to take no times.

    splits_by_user: whether what the scenario's players send is the first thing that the gateway splits this feature by,
    so that it can be told beforehand on which side a player is.
    """

    scenario: Scenario
    file: Path
    legacy: str
    new: str
    gateway: str | None
    modes: frozenset[Mode]
    repeat: int | None
    limits: Limits | None
    change: Change
    splits_by_user: bool
    keep_going: bool = False


class Stage:
    """Where a plan is played."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self.plan = plan
        self.requests = 0
        self.requests_to_new = 0
        self._progress = progress

    def tell(self, words: str) -> None:
        """What goes on, for whoever waits."""
        self._progress(f"{self.plan.scenario.feature}: {words}")

    async def legacy(self) -> Play:
        """Raises CannotPlayError where it is not there."""
        played = await self.at(self.plan.legacy)
        self._need_legacy(played)
        return played

    async def both(self, *, legacy_first: bool) -> tuple[Play, Play]:
        """Legacy and new in step: each sends a request after the other has had its reply, and who begins changes from
        step to step, so that whatever else goes on falls on both. Raises CannotPlayError.
        """
        async with self._player(self.plan.legacy) as legacy, self._player(self.plan.new) as new:
            for number in range(len(legacy.steps)):
                in_turn = (legacy, new) if (number % 2 == 0) is legacy_first else (new, legacy)
                for player in in_turn:
                    await player.play_next()
            plays = legacy.played(), new.played()
        self.requests += plays[0].requests + plays[1].requests
        self.requests_to_new += plays[1].requests
        self._need_legacy(plays[0])
        return plays

    async def at(self, base: str, key: str | None = None) -> Play:
        """One play by a player of its own."""
        async with self._player(base, key) as player:
            for _ in player.steps:
                await player.play_next()
            played = player.played()
        self.requests += played.requests
        return played

    @asynccontextmanager
    async def _player(self, base: str, key: str | None = None) -> AsyncIterator[Player]:
        player = Player(self.plan.scenario, self.plan.file.parent, base, key or random_key())
        try:
            yield player
        finally:
            await player.aclose()

    def _need_legacy(self, played: Play) -> None:
        if not played.is_answered:
            failure = played.outcomes[0].failure
            raise CannotPlayError(f"legacy does not answer: {failure} ({self.plan.legacy}); nothing can be compared")


def shown(steps: Iterable[tuple[Outcome, StepResult]]) -> tuple[StepResult, ...]:
    """What reports tell: of the setup only what is wrong."""
    return tuple(step for outcome, step in steps if outcome.compared or step.verdict is not Verdict.ALIKE)
