"""Legacy and new asked directly, in step. Legacy is the measure; that it is like itself is seen to as well."""

import math

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
        """Round by round, and on while it is not certain whether new is slow. Raises CannotPlayError."""
        rounds = self._rounds()
        while len(self._new) < rounds or (len(self._new) < self._most_rounds(rounds) and self._is_unsure()):
            number = len(self._new)
            self._stage.tell(f"direct, round {number + 1} of {max(rounds, number + 1)}")
            legacy, new = await self._stage.both(legacy_first=number % 2 == 0)
            self._legacy.append(legacy)
            self._new.append(new)
            if not new.is_answered:
                words = f"new does not answer: {new.outcomes[0].failure} ({self._stage.plan.new})"
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
        return measure(self._pairs(), limits) if limits is not None else None

    def _pairs(self) -> dict[str, list[tuple[float, float]]]:
        pairs: dict[str, list[tuple[float, float]]] = {}
        for legacy, new in zip(self._legacy, self._new, strict=True):
            for old_outcome, new_outcome in zip(legacy.outcomes, new.outcomes, strict=True):
                if old_outcome.is_timed and new_outcome.is_timed:
                    times = (old_outcome.seconds, new_outcome.seconds)
                    pairs.setdefault(old_outcome.step.name, []).append(times)
        return pairs

    def _rounds(self) -> int:
        if self._stage.plan.repeat is not None:
            return self._stage.plan.repeat
        steps = len(self._scenario.setup) + len(self._scenario.steps)
        return min(MAX_ROUNDS, max(MIN_ROUNDS, math.ceil(ENOUGH_REQUESTS / steps)))

    def _most_rounds(self, rounds: int) -> int:
        return rounds if self._stage.plan.repeat is not None else min(MAX_ROUNDS, 2 * rounds)

    def _is_unsure(self) -> bool:
        timing = self.timing()
        return timing is not None and timing.is_unsure

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
