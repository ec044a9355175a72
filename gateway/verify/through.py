"""The same scenario through the gateway: its flag off first, then on, and at 50 % with players of both sides."""

from collections.abc import Sequence

from gateway.rules.replies import OURS
from gateway.rules.split import bucket
from gateway.verify.admin import Admin
from gateway.verify.flags import MovedFlag
from gateway.verify.plan import CannotPlayError, Stage, shown
from gateway.verify.player import Outcome, Play, random_key
from gateway.verify.verdict import Finding, Mode, ModeResult, StepResult, gather, judge

PLAYS = 1
"""At 50 % of each side. What happens now and then was looked for directly: here it matters who is answered by whom."""
MAX_PLAYERS = 24
"""At 50 %, where it cannot be told beforehand on which side a player is."""
PERCENTS = {Mode.OFF: "0", Mode.ON: "100", Mode.HALF: "50"}
HALF_OF_BUCKETS = 5_000
UNSEEN = "who answered cannot be seen: routes.yaml has no `expose_decision: true`"


class Through:
    """measure: legacy's play that everything is held against."""

    def __init__(self, stage: Stage, admin: Admin, gateway: str, measure: Play) -> None:
        self._stage = stage
        self._admin = admin
        self._gateway = gateway
        self._measure = measure
        self._feature = stage.plan.scenario.feature

    async def compare(self, modes: Sequence[Mode]) -> list[ModeResult]:
        """The flag is as it was when this returns or raises. Raises CannotPlayError and FlagError."""
        results = []
        async with MovedFlag(self._admin, self._feature, self._stage.plan.change) as flag:
            for mode in modes:
                await flag.move(PERCENTS[mode])
                results.append(await self._mode(mode))
        return results

    async def _mode(self, mode: Mode) -> ModeResult:
        plays: list[Play] = []
        for key in self._keys(mode):
            self._stage.tell(f"through the gateway, {mode.heading}, player {len(plays) + 1}")
            plays.append(await self._stage.at(self._gateway, key))
            if not plays[-1].is_answered:
                failure = plays[-1].outcomes[0].failure
                raise CannotPlayError(f"the gateway does not answer: {failure} ({self._gateway})")
            if mode is Mode.HALF and not self._stage.plan.splits_by_user and len(self._sides(plays)) == 2:
                break
        self._stage.requests_to_new += sum(self._is_new(outcome) for each in plays for outcome in each.outcomes)
        steps = [self._step(mode, plays, index) for index in range(len(self._measure.outcomes))]
        problems, notes = self._about_sides(mode, plays)
        return ModeResult(mode, shown(steps), problems, notes=notes, plays=len(plays))

    def _keys(self, mode: Mode) -> list[str]:
        """At 50 % as many players for each side, where the split can be told beforehand."""
        count = self._stage.plan.repeat or PLAYS
        if mode is not Mode.HALF:
            return [random_key() for _ in range(count)]
        if not self._stage.plan.splits_by_user:
            return [random_key() for _ in range(max(count, MAX_PLAYERS))]
        legacy: list[str] = []
        new: list[str] = []
        while min(len(legacy), len(new)) < count:
            key = random_key()
            (new if self._falls_on_new(key) else legacy).append(key)
        return [key for pair in zip(legacy[:count], new[:count], strict=True) for key in pair]

    def _falls_on_new(self, key: str) -> bool:
        return bucket(self._feature, key.encode()) < HALF_OF_BUCKETS

    def _step(self, mode: Mode, plays: Sequence[Play], index: int) -> tuple[Outcome, StepResult]:
        pairs = [(each.outcomes[index], self._judge(mode, each, index)) for each in plays]
        return pairs[0][0], gather(pairs, legacy=[self._measure], index=index)

    def _judge(self, mode: Mode, played: Play, index: int) -> Finding:
        tried = played.outcomes[index]
        finding = judge(self._stage.plan.scenario, self._measure.outcomes[index], tried, who="the gateway")
        stray = self._stray(mode, played.key, tried)
        return Finding((stray, *finding.words), finding.differences, finding.skipped) if stray else finding

    def _stray(self, mode: Mode, key: str, tried: Outcome) -> str | None:
        """That another side answered than the flag says, in words."""
        side = self._side(tried)
        if mode is Mode.HALF and not self._stage.plan.splits_by_user:
            return None
        on_new = mode is Mode.ON or (mode is Mode.HALF and self._falls_on_new(key))
        wanted = "new" if on_new else "legacy"
        if side in (None, wanted):
            return None
        reason = tried.reply.header(f"{OURS}reason") if tried.reply is not None else None
        return f"answered by {side} (reason: {reason}), though at {PERCENTS[mode]} % {wanted} should have"

    def _side(self, outcome: Outcome) -> str | None:
        """Who answered a request of this feature, as the gateway tells; None where it does not."""
        if outcome.reply is None or outcome.reply.header(f"{OURS}feature") != self._feature:
            return None
        return outcome.reply.header(f"{OURS}side")

    def _is_new(self, outcome: Outcome) -> bool:
        return self._side(outcome) == "new"

    def _sides(self, plays: Sequence[Play]) -> set[str]:
        return {side for each in plays for outcome in each.outcomes if (side := self._side(outcome)) is not None}

    def _about_sides(self, mode: Mode, plays: Sequence[Play]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(what is wrong with the mode as a whole, what is worth knowing)."""
        sides = self._sides(plays)
        replies = [outcome.reply for each in plays for outcome in each.outcomes if outcome.reply is not None]
        if not sides and any(reply.header(f"{OURS}side") for reply in replies):
            return (f"no request of the scenario belongs to {self._feature} by the gateway's routes",), ()
        if not sides:
            return (), (UNSEEN,)
        if mode is Mode.HALF and len(sides) == 1:
            return (f"only {sides.pop()} has answered, of {len(plays)} players",), ()
        return (), ()
