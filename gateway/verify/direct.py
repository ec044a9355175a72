"""Legacy and new asked directly, in turns. Legacy is the measure; that it is like itself is seen to as well."""

import math
from collections.abc import Sequence

from gateway.verify.plan import Stage, shown
from gateway.verify.player import Outcome, Play
from gateway.verify.timing import MIN_ROUNDS, Timing, measure
from gateway.verify.verdict import Finding, Mode, ModeResult, StepResult, Verdict, gather, judge, judge_legacy

ENOUGH_REQUESTS = 201
"""To new: one request in each hundred that fails is met for certain."""
MAX_ROUNDS = 25


class Direct:
    """The plays of one scenario at both addresses."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._scenario = stage.plan.scenario
        self._legacy: list[Play] = []
        self._new: list[Play] = []

    @property
    def measure(self) -> Play:
        """What everything is held against: legacy's first play."""
        return self._legacy[0]

    async def compare(self) -> ModeResult:
        """Round by round, the order turned each time: legacy, new, new, legacy, ... Raises CannotPlayError."""
        rounds = self._rounds()
        for number in range(rounds):
            self._stage.tell(f"direct, round {number + 1} of {rounds}")
            if number % 2 == 0:
                self._legacy.append(await self._stage.legacy())
            self._new.append(await self._stage.new())
            if number % 2 == 1:
                self._legacy.append(await self._stage.legacy())
            if not self._new[-1].is_answered:
                words = f"new does not answer: {self._new[-1].outcomes[0].failure} ({self._stage.plan.new})"
                return ModeResult(Mode.DIRECT, problems=(words,), plays=len(self._new))
        steps = [self._step(index) for index in range(len(self.measure.outcomes))]
        return ModeResult(Mode.DIRECT, shown(steps), plays=len(self._new))

    async def legacy_alone(self) -> ModeResult | None:
        """Where new is not to be asked directly: what is wrong with the measure itself, if anything is."""
        self._legacy.append(await self._stage.legacy())
        pairs = [(outcome, self._judge_legacy(outcome, index)) for index, outcome in enumerate(self.measure.outcomes)]
        steps = (gather([pair], index=index) for index, pair in enumerate(pairs))
        bad = tuple(step for step in steps if step.verdict is Verdict.DIFFERENT)
        return ModeResult(Mode.DIRECT, bad, plays=1) if bad else None

    def timing(self) -> Timing | None:
        """From the steps that both sides answer as they must: a failure is quicker than what it stands for."""
        limits = self._stage.plan.limits
        return measure(_times(self._legacy), _times(self._new), limits) if limits is not None else None

    def _rounds(self) -> int:
        if self._stage.plan.repeat is not None:
            return self._stage.plan.repeat
        steps = len(self._scenario.setup) + len(self._scenario.steps)
        return min(MAX_ROUNDS, max(MIN_ROUNDS, math.ceil(ENOUGH_REQUESTS / steps)))

    def _step(self, index: int) -> tuple[Outcome, StepResult]:
        of_legacy = [(each.outcomes[index], self._judge_legacy(each.outcomes[index], index)) for each in self._legacy]
        of_new = [
            (new.outcomes[index], judge(self._scenario, old.outcomes[index], new.outcomes[index], who="new"))
            for old, new in zip(self._legacy, self._new, strict=True)
        ]
        bad_legacy = [pair for pair in of_legacy if pair[1].is_bad]
        return of_new[0][0], gather(of_new, measure_faults=bad_legacy, legacy=self._legacy, index=index)

    def _judge_legacy(self, outcome: Outcome, index: int) -> Finding:
        return judge_legacy(self._scenario, self.measure.outcomes[index], outcome)


def _times(plays: Sequence[Play]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}
    for each in plays:
        for outcome in each.outcomes:
            if outcome.is_timed and not outcome.unmet:
                times.setdefault(outcome.step.name, []).append(outcome.seconds)
    return times
