"""Shadow traffic of one worker: which requests are copied, how many copies live at once, what is counted of them.

Nothing of it can reach a request: a copy is asked about after its client has its answer, on connections of its own, by
a task of its own, whose every failure ends here. Over a cap a copy is dropped and counted, never queued.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Mapping
from typing import Final, Protocol

import structlog

from gateway.exchange import Exchange
from gateway.model import ALL, ShadowOutcome, Side
from gateway.rules.compared import Asked, Compared
from gateway.rules.conditional import is_about_a_copy
from gateway.rules.fingerprint import kind_of
from gateway.rules.plan import Plan, ShadowPlan
from gateway.rules.policy import FeaturePolicy
from gateway.shadow.asking import Asking, NoAnswerError, Speech
from gateway.shadow.clients import ShadowClients
from gateway.shadow.comparing import SAFE, Comparing, Found, Verdicts
from gateway.shadow.copy import Budget, Copy
from gateway.shadow.faults import told
from gateway.shadow.judging import Judging
from gateway.shadow.sizes import Sizes, Ticket
from gateway.shadow.throughput import Throughput
from gateway.telemetry.shadow_metrics import ShadowMetrics

SAID_AGAIN_SECONDS: Final = 10.0

log = structlog.get_logger("shadow")


class Held(Protocol):
    """What the worker holds now."""

    @property
    def plan(self) -> Plan: ...
    @property
    def policies(self) -> Mapping[str, FeaturePolicy]: ...


class Book(Verdicts, Protocol):
    """Where it is written down; `ledger.Ledger`. None of it waits."""

    def count(self, feature: str, outcome: ShadowOutcome) -> None: ...
    def add(self, compared: Compared, plan: ShadowPlan) -> None: ...


class Shadows:
    """Owned by `worker`. `begin` and `settle` are called by `Proxy`."""

    def __init__(self, held: Held, clients: ShadowClients, speech: Speech, book: Book, metrics: ShadowMetrics) -> None:
        self.budget = Budget(held.plan.shadow.max_held_bytes)
        self._held = held
        self._book = book
        self._metrics = metrics
        self._judging = Judging()
        self._clients = clients
        self._throughput = Throughput(held.plan.shadow.max_bytes_per_second, time.monotonic)
        asking = Asking(clients, speech, self._may_ask_new, self._throughput)
        self._comparing = Comparing(asking, self._judging, book)
        self._sizes = Sizes(time.monotonic)
        self._running: dict[asyncio.Task[ShadowOutcome], tuple[Exchange, Copy, Ticket]] = {}
        self._stopped = False
        self._said = 0.0
        self._random = random.Random(secrets.randbits(64))  # noqa: S311 - a sample, no secret

    @property
    def in_flight(self) -> int:
        """Copies that are being asked about."""
        return len(self._running)

    # -- which

    def begin(self, exchange: Exchange) -> Copy | None:
        """A copy to be filled while the request is served; None for all those that are not shadowed."""
        plan = exchange.target.shadow if exchange.target is not None else None
        if plan is None or exchange.method not in plan.methods:
            return None
        if not self._is_sampled(exchange.shadow * plan.sample, ALL * ALL):
            return None
        limits = exchange.plan.shadow
        self.budget.limit = limits.max_held_bytes
        copy = Copy(plan, self.budget, limits.max_body_bytes)
        copy.wants_pair = exchange.method in SAFE and self._is_sampled(plan.noise, ALL)
        return copy

    def _is_sampled(self, share: int, of: int) -> bool:
        return share >= of or (share > 0 and self._random.randrange(of) < share)

    def settle(self, exchange: Exchange, copy: Copy) -> None:
        """The request is over: its copy goes out, or is dropped with the reason."""
        exchange.copy = None
        copy.seconds = time.perf_counter() - exchange.attempt_started
        why = copy.dropped or self._why_not(exchange, copy)
        if why is not None:
            copy.drop(why)
            self._count(exchange, why)
            return
        task = asyncio.get_running_loop().create_task(
            self._life(exchange, copy), name=f"shadow-{exchange.request_id.decode()}"
        )
        self._running[task] = exchange, copy, self._sizes.enter(exchange.feature, copy.plan.route)
        task.add_done_callback(self._ended)

    def _why_not(self, exchange: Exchange, copy: Copy) -> ShadowOutcome | None:
        well = exchange.response_complete and exchange.error is None and copy.status and copy.whole
        if not well or exchange.fell_back:
            return ShadowOutcome.DROPPED_PRIMARY_FAILED
        if is_about_a_copy(exchange.method, exchange.fields, copy.status):
            return ShadowOutcome.DROPPED_CONDITIONAL
        if self._stopped:
            return ShadowOutcome.DROPPED_SHUTDOWN
        if exchange.side is Side.LEGACY and not self._may_ask_new(exchange.feature):
            return ShadowOutcome.DROPPED_KILLED
        limits = exchange.plan.shadow
        if len(self._running) >= limits.max_in_flight:
            return ShadowOutcome.DROPPED_IN_FLIGHT
        if self._clients.is_down(exchange, Side.LEGACY if exchange.side is Side.NEW else Side.NEW):
            return ShadowOutcome.DROPPED_UNHEALTHY
        if self._sizes.refuses(exchange.feature, copy.plan.route):
            return ShadowOutcome.DROPPED_REPLY_TOO_LARGE
        self._throughput.limit = limits.max_bytes_per_second
        return ShadowOutcome.DROPPED_BUDGET if self._throughput.is_spent else None

    def _may_ask_new(self, feature: str) -> bool:
        policy = self._held.policies.get(feature)
        return policy is not None and not (policy.killed or policy.unknown)

    # -- one copy

    async def _life(self, exchange: Exchange, copy: Copy) -> ShadowOutcome:
        outcome = ShadowOutcome.FAILED
        try:
            found = await self._comparing.compare(exchange, copy, limit=exchange.plan.shadow.max_body_bytes)
            outcome = found.outcome
            self._note(exchange, copy, found)
        except NoAnswerError as error:
            outcome = error.outcome
        except Exception as error:  # noqa: BLE001 - a fault in here must be nobody's but ours
            self._complain(exchange, error)
        return outcome

    def _note(self, exchange: Exchange, copy: Copy, found: Found) -> None:
        if exchange.side is Side.NEW:
            self._metrics.took(exchange.feature, Side.LEGACY, found.legacy_seconds)
        else:
            self._metrics.took(exchange.feature, Side.NEW, found.new_seconds)
        if found.outcome is ShadowOutcome.MATCH:
            return
        if found.outcome is ShadowOutcome.MISMATCH:
            for kind in {kind_of(difference) for difference in found.differences}:
                self._metrics.mismatch(exchange.feature, kind)
        self._book.add(_compared(exchange, copy, found), copy.plan)

    def _count(self, exchange: Exchange, outcome: ShadowOutcome) -> None:
        self._metrics.outcome(exchange.feature, outcome)
        self._book.count(exchange.feature, outcome)

    def _complain(self, exchange: Exchange, error: Exception) -> None:
        now = time.monotonic()
        if now >= self._said:
            self._said = now + SAID_AGAIN_SECONDS
            log.error("a comparison failed", request_id=exchange.request_id.decode(), fault=told(error))

    def _ended(self, task: asyncio.Task[ShadowOutcome]) -> None:
        exchange, copy, ticket = self._running.pop(task)
        copy.release()
        if task.cancelled():  # perhaps before it had begun
            outcome = ShadowOutcome.DROPPED_SHUTDOWN if self._stopped else ShadowOutcome.DROPPED_KILLED
        else:
            outcome = task.result()
        self._sizes.leave(ticket, outcome)
        self._count(exchange, outcome)

    # -- the end of all

    def kill(self, feature: str) -> None:
        """What is under way for a feature ends now: half of what it asks is asked of new. Called by `worker`."""
        for task, (exchange, _, _) in self._running.items():
            if exchange.feature == feature:
                task.cancel()

    async def stop(self) -> None:
        """Called when no request is served any more: what is under way is given up."""
        self._stopped = True
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._judging.close()


def _compared(exchange: Exchange, copy: Copy, found: Found) -> Compared:
    return Compared(
        feature=exchange.feature,
        route=copy.plan.route,
        outcome=found.outcome,
        answered=exchange.side,
        request_id=exchange.request_id.decode("latin-1"),
        when=time.time(),
        asked=Asked(
            method=exchange.method.decode("latin-1"),
            target=(exchange.raw_path + exchange.query).decode("latin-1"),
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in exchange.fields),
            body=copy.asked,
        ),
        legacy=found.judged.legacy,
        new=found.judged.new,
        differences=found.differences,
        legacy_seconds=found.legacy_seconds,
        new_seconds=found.new_seconds,
    )
