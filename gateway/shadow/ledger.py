"""What becomes of finished comparisons in a worker: counted, grouped, and sent to Redis about once a second.

The data plane calls `count`, `add`, `pair` and `verdict`, which never wait and never raise for what a service has sent.
`run` is a task beside the requests. Everything is bounded; what is over is left out, and counted. While Redis is away,
counts and pairs are kept and sent later, of differences and samples as many as there is room for. Without Redis it is
the same, for ever: the noise of legacy is known to this worker alone, and nothing can be shown.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Final

import structlog

from gateway.compare.summary import TRAIT
from gateway.flags.errors import STORE_ERRORS, in_words
from gateway.model import ShadowOutcome
from gateway.rules.compared import Compared, Pair
from gateway.rules.fingerprint import fingerprint
from gateway.rules.noise import Verdict, verdict
from gateway.rules.pairs import PairTable, counts_in
from gateway.rules.plan import ShadowPlan
from gateway.shadow.batch import Batch, Found, Waiting
from gateway.shadow.differences import Group, groups_of, place_id
from gateway.shadow.samples import prepare
from gateway.shadow.shown_places import ShownPlaces
from gateway.shadow.store import CompareStore

FLUSH_SECONDS: Final = 1.0
READ_SECONDS: Final = 3.0
TELL_SECONDS: Final = 60.0
"""What goes on being wrong with Redis, or with a feature's keys there, is logged so often."""
LAST_SECONDS: Final = 1.0
"""For the last flush, when the worker ends."""
FULL_SECONDS: Final = 30.0
"""So long no sample is made for a difference that has enough of them."""
MAX_FULL: Final = 10_000
KEEP_SECONDS: Final = 604_800

log = structlog.get_logger("compare")


class Ledger:
    """One per worker. url: None without Redis. keep_seconds may be set at any time."""

    def __init__(
        self,
        *,
        url: str | None,
        namespace: str,
        keep_seconds: int = KEEP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """clock: seconds, for how often is flushed, read and told. Raises ValueError for a URL that is none."""
        self.keep_seconds = keep_seconds
        self._store = CompareStore(url=url, namespace=namespace, writer=secrets.token_hex(8)) if url else None
        self._clock = clock
        self._batch = Batch()
        self._outgoing: Batch | None = None
        self._preparing: asyncio.Future[None] | None = None
        self._number = 1
        self._full: dict[str, float] = {}
        # Pairs: what all machines had sent when they were read last, and what this one has sent since.
        self._since = PairTable()
        self._asked: set[str] = set()
        self._known: set[str] = set()
        self._read_at = 0.0
        self._told_at: dict[str, float] = {}

    # -- for the data plane

    def count(self, feature: str, outcome: ShadowOutcome) -> None:
        """One shadow; for each of them, once."""
        counts = self._batch.counts
        key = feature, outcome
        counts[key] = counts.get(key, 0) + 1

    def add(self, compared: Compared, plan: ShadowPlan) -> None:
        """One whose replies differed, whatever that was found to be: its differences, and both replies while samples of
        these are wanted. What is a secret is hidden here.
        """
        batch, wanted, places = self._batch, [], ShownPlaces(compared, plan)
        for group in groups_of(compared.differences):
            print_ = fingerprint(compared.feature, compared.route, group.difference)
            found = batch.found.get(print_) or self._new(print_, compared, group, places)
            if found is None:
                batch.leave_out(compared.feature, "differences")
                continue
            traits = frozenset(f"{TRAIT}{trait}" for trait in group.traits)
            found.saw(compared.when, traits | {compared.outcome.value}, group.furthest)
            if self._wants_sample(print_):
                wanted.append(print_)
        waits = self._store is not None and bool(wanted)
        if not waits or not batch.add_sample(Waiting(compared, plan, tuple(wanted))):
            batch.leave_out(compared.feature, "samples")

    def pair(self, pair: Pair) -> None:
        """One observation of how legacy differs from itself, and new from legacy."""
        self._asked.add(pair.feature)
        stored = Pair(
            pair.feature,
            pair.route,
            frozenset(map(place_id, pair.legacy_places)),
            frozenset(map(place_id, pair.new_places)),
        )
        self._batch.leave_out(pair.feature, "places", self._batch.pairs.add(stored))

    def verdict(self, feature: str, route: str, place: str) -> Verdict:
        """Whether a difference at this place is noise, by the pairs of all machines that were read last and by all of
        this one's own. place: as in a Pair, `body $.id`.
        """
        self._asked.add(feature)
        return verdict(counts_in(self._pair_tables, feature, route, place_id(place)))

    @property
    def _pair_tables(self) -> tuple[PairTable, ...]:
        outgoing = (self._outgoing.pairs,) if self._outgoing is not None else ()
        read = (self._store.pairs,) if self._store is not None else ()
        return *read, self._since, *outgoing, self._batch.pairs

    def _new(self, print_: str, compared: Compared, group: Group, places: ShownPlaces) -> Found | None:
        """None where there is no room for one more."""
        when, change = compared.when, group.difference.kind.value
        found = Found(compared.feature, compared.route, "", change, when, when, place_id=place_id(group.place))
        if not self._batch.add_found(print_, found):
            return None
        found.place = places(group.place)
        return found

    def _wants_sample(self, print_: str) -> bool:
        until = self._full.get(print_)
        if until is not None and until > self._clock():
            return False
        return self._batch.wants_sample(print_)

    # -- to Redis and back

    async def run(self) -> None:
        """Until it is cancelled; to be a task of the worker's owner. Failures are told now and then, and tried anew."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.turn()

    async def turn(self) -> None:
        """Sends what there is, and reads the pairs of all machines where it is time. Raises nothing of Redis."""
        if self._store is None:
            return
        try:
            await self._flush(self._store)
        except STORE_ERRORS as error:
            self._tell("comparisons: Redis does not take them; they are kept, as far as there is room", in_words(error))
            return
        try:
            await self._read_back(self._store)
        except STORE_ERRORS as error:
            self._tell("comparisons: what other machines know of noise cannot be read", in_words(error))

    async def aclose(self) -> None:
        """Sends what is left, for a moment, and lets go of Redis."""
        if self._store is None:
            return
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while self._outgoing is not None or not self._batch.is_empty:
                    await self._flush(self._store)
        except STORE_ERRORS as error:
            log.warning("comparisons: the last ones are lost", problem=in_words(error))
        finally:
            await self._store.aclose()

    async def _flush(self, store: CompareStore) -> None:
        """One batch. It keeps its number until its answer is here, however often it is tried: so it counts once."""
        if self._outgoing is None:
            if self._batch.is_empty:
                return
            self._outgoing, self._batch = self._batch, Batch()
            self._preparing = asyncio.get_running_loop().run_in_executor(None, prepare, self._outgoing)
        if self._preparing is not None:
            await asyncio.shield(self._preparing)
            self._preparing = None
        answer = await store.send(self._number, self._outgoing, self.keep_seconds)
        self._number += 1
        self._since.add_all(self._outgoing.pairs)
        self._outgoing = None
        if len(self._full) > MAX_FULL:
            self._full.clear()
        self._full.update(dict.fromkeys(answer.full, self._clock() + FULL_SECONDS))
        for print_ in answer.wanted:
            self._full.pop(print_, None)
        for feature, problem in answer.problems:
            self._tell("comparisons: a part of a feature is not taken, and lost", problem, feature=feature)

    async def _read_back(self, store: CompareStore) -> None:
        """After a flush that was answered, so that what is read holds all that was sent."""
        now = self._clock()
        if not self._asked or self._outgoing is not None:
            return
        if now - self._read_at < READ_SECONDS and self._asked <= self._known:
            return
        features = self._known | self._asked
        refused = await store.read_pairs(features)
        for feature in features - refused.keys():
            self._since.forget(feature)
        for feature, problem in refused.items():
            self._tell("comparisons: pairs of a feature cannot be read", problem, feature=feature)
        self._known, self._asked, self._read_at = features, set(), now

    def _tell(self, what: str, problem: str, **more: str) -> None:
        """Each that is told, and each feature's, for itself; now and then."""
        now, key = self._clock(), " ".join((what, *more.values()))
        told_at = self._told_at.get(key)
        if told_at is None or now - told_at >= TELL_SECONDS:
            log.warning(what, problem=problem, **more)
            self._told_at[key] = now
