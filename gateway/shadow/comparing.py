"""The life of one copy: ask the other side, compare, look again before a difference counts, and weigh it against noise.

ask       the side that did not answer; for some, legacy once more beside it (a pair: how does it differ from itself?)
compare   always legacy with new, whoever answered the client
confirm   where reading is safe, both sides are read once more: what is not seen again does not count, nor what
          legacy itself gives differently from one time to the next; in a list that changes, they are read again
weigh     by all pairs that were seen of a place: noise, a mismatch, or not yet known
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.exchange import Exchange
from gateway.model import ShadowOutcome, Side
from gateway.rules.compare import Difference
from gateway.rules.compared import Pair
from gateway.rules.confirm import confirmed, is_in_a_changing_list
from gateway.rules.fingerprint import kind_and_place, kind_of
from gateway.rules.noise import Verdict
from gateway.rules.pair_places import pair_places
from gateway.shadow.asking import Answer, Asking, NoAnswerError
from gateway.shadow.copy import Copy
from gateway.shadow.judging import MAX_TOLD, Judged, Judging, Measure

SAFE: Final = frozenset((b"GET", b"HEAD"))
"""What may be read as often as one likes. OPTIONS and TRACE are not worth it."""
ROUNDS: Final = 3


class Verdicts(Protocol):
    """What is known of noise; the ledger."""

    def pair(self, pair: Pair) -> None: ...
    def verdict(self, feature: str, route: str, place: str) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a copy that was answered. differences: those that give the outcome its name."""

    outcome: ShadowOutcome
    judged: Judged
    differences: tuple[Difference, ...]
    legacy_seconds: float
    new_seconds: float


class Comparing:
    """For `Shadows`. Holds nothing of one copy."""

    def __init__(self, asking: Asking, judging: Judging, verdicts: Verdicts) -> None:
        self._asking = asking
        self._judging = judging
        self._verdicts = verdicts

    async def compare(self, exchange: Exchange, copy: Copy, *, limit: int) -> Found:
        """limit: bytes of each body. Raises NoAnswerError."""
        by = Measure(copy.plan.rules, exchange.method == b"HEAD", limit)
        legacy, new, again = await self._ask(exchange, copy, limit)
        judged = await self._judging.judge(legacy, new, by, copy)
        if again is not None:
            itself = await self._judging.differences(legacy, again, by, copy)
            copy.give_back(len(again.body))
            self._note_pair(exchange, copy, itself, judged.differences)
        elif copy.wants_pair:
            await self._ask_for_a_pair(exchange, copy, legacy, by)
        outcome, differences = ShadowOutcome.MATCH, judged.differences
        if differences and exchange.method in SAFE:
            differences = await self._confirm(exchange, copy, judged, legacy, by)
            outcome = ShadowOutcome.UNCONFIRMED
        if differences:
            outcome, differences = self._weigh(exchange, copy, differences)
        return Found(outcome, judged, differences or judged.differences, legacy.seconds, new.seconds)

    # -- ask

    async def _ask(self, exchange: Exchange, copy: Copy, limit: int) -> tuple[Answer, Answer, Answer | None]:
        """Legacy's, new's, and where legacy has answered and a pair is wanted legacy's once more. It is asked at the
        same time as new, so that what changes meanwhile changes for both.
        """
        given = self._asking.given(exchange, copy)
        if given.side is Side.NEW:
            return await self._asking.ask(exchange, copy, Side.LEGACY, limit=limit), given, None
        wanted = [Side.NEW, Side.LEGACY] if copy.wants_pair else [Side.NEW]
        answers = await self._each(exchange, copy, wanted, limit)
        return given, answers[0], answers[1] if copy.wants_pair else None

    async def _each(self, exchange: Exchange, copy: Copy, sides: list[Side], limit: int) -> list[Answer]:
        """All at once. Raises NoAnswerError of the first that has none, when all have ended."""
        if len(sides) == 1:
            return [await self._asking.ask(exchange, copy, sides[0], limit=limit)]
        asked = [self._asking.ask(exchange, copy, side, limit=limit) for side in sides]
        answers: list[Answer] = []
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer
            answers.append(answer)
        return answers

    async def _ask_for_a_pair(self, exchange: Exchange, copy: Copy, legacy: Answer, by: Measure) -> None:
        """Where new has answered, its reply is the oldest, and would differ by all that has changed since then. So it
        is asked again, with legacy. Without a reply there is no pair.
        """
        try:
            legacy_again, new_again = await self._each(exchange, copy, [Side.LEGACY, Side.NEW], by.limit)
            itself = await self._judging.differences(legacy, legacy_again, by, copy)
            of_new = await self._judging.differences(legacy, new_again, by, copy)
        except NoAnswerError:
            return
        copy.give_back(len(legacy_again.body) + len(new_again.body))
        self._note_pair(exchange, copy, itself, of_new)

    def _note_pair(
        self, exchange: Exchange, copy: Copy, legacy_itself: tuple[Difference, ...], of_new: tuple[Difference, ...]
    ) -> None:
        self._verdicts.pair(Pair(exchange.feature, copy.plan.route, *pair_places(legacy_itself, of_new)))

    # -- confirm

    async def _confirm(
        self, exchange: Exchange, copy: Copy, judged: Judged, legacy: Answer, by: Measure
    ) -> tuple[Difference, ...]:
        """Those that are seen again. Raises NoAnswerError where a side cannot be read again: nothing is known of them.

        Where a list of legacy's has changed between two readings, it is being changed by somebody, and may have been
        between the two sides once more, and with as many items: then they are read again, up to ROUNDS times.
        """
        left, held = judged.differences, 0
        for _ in range(ROUNDS):
            try:
                legacy_again, new_again = await self._each(exchange, copy, [Side.LEGACY, Side.NEW], by.limit)
                again = await self._judging.differences(legacy_again, new_again, by, copy)
                itself = await self._judging.differences(legacy, legacy_again, by, copy)
            except NoAnswerError:
                failures = confirmed(left, (), ())
                if failures:
                    return failures
                raise
            left, legacy = confirmed(left, again, itself, most=MAX_TOLD), legacy_again
            copy.give_back(held + len(new_again.body))
            held = len(legacy_again.body)
            if not is_in_a_changing_list(left, itself):
                break
        return left

    # -- weigh

    def _weigh(
        self, exchange: Exchange, copy: Copy, differences: tuple[Difference, ...]
    ) -> tuple[ShadowOutcome, tuple[Difference, ...]]:
        """The gravest of what they are, with those that are it. Without pairs of a feature every difference counts."""
        by_verdict: dict[Verdict, list[Difference]] = {verdict: [] for verdict in Verdict}
        for difference in differences:
            by_verdict[self._verdict(exchange, copy, difference)].append(difference)
        for verdict, outcome in _GRAVEST_FIRST:
            if by_verdict[verdict]:
                return outcome, tuple(by_verdict[verdict])
        return ShadowOutcome.MATCH, ()

    def _verdict(self, exchange: Exchange, copy: Copy, difference: Difference) -> Verdict:
        if kind_of(difference) == "status":
            return Verdict.MISMATCH
        verdict = self._verdicts.verdict(exchange.feature, copy.plan.route, kind_and_place(difference))
        if verdict is Verdict.UNDECIDED and not (copy.plan.noise and exchange.method in SAFE):
            return Verdict.MISMATCH
        return verdict


_GRAVEST_FIRST: Final = (
    (Verdict.MISMATCH, ShadowOutcome.MISMATCH),
    (Verdict.UNDECIDED, ShadowOutcome.UNDECIDED),
    (Verdict.NOISE, ShadowOutcome.NOISE),
)
