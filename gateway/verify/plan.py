"""What is played, where and how often; and the counting of what was sent. Shared by `direct` and `through`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.verify.flags import Change
from gateway.verify.player import Outcome, Play, play, random_key
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
        if not played.is_answered:
            failure = played.outcomes[0].failure
            raise CannotPlayError(f"legacy does not answer: {failure} ({self.plan.legacy}); nothing can be compared")
        return played

    async def new(self) -> Play:
        played = await self.at(self.plan.new)
        self.requests_to_new += played.requests
        return played

    async def at(self, base: str, key: str | None = None) -> Play:
        """One play by a player of its own."""
        played = await play(self.plan.scenario, self.plan.file.parent, base, key or random_key())
        self.requests += played.requests
        return played


def shown(steps: Iterable[tuple[Outcome, StepResult]]) -> tuple[StepResult, ...]:
    """What reports tell: of the setup only what is wrong."""
    return tuple(step for outcome, step in steps if outcome.compared or step.verdict is not Verdict.ALIKE)
