"""What is kept of a request and of the reply that its client got, to be compared with what the other side says.

Bounded twice: each body by a limit of its own, and all copies of a worker together by a budget. A copy that does not
fit is dropped with the reason, and the request that it was made of never notices.
"""

from gateway.model import ShadowOutcome
from gateway.rules.headers import Fields
from gateway.rules.plan import ShadowPlan

HEAD_BYTES = 2048
"""What a copy is taken to hold beside its bodies: heads, and the exchange that it belongs to."""


class Budget:
    """The bytes that all copies of a worker hold now, and may hold."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.held = 0
        self.limit = limit

    def take(self, size: int) -> bool:
        """Whether there was room; if so, it is taken."""
        if self.held + size > self.limit:
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        """What was taken before."""
        self.held -= size


class Copy:
    """Filled by `Proxy` while the request lives, then owned by `Shadows`. Ends in `release`, once or more often.

    dropped: why nothing will be sent, once that is known; nothing is held from then on. whole: all of the request's
    body was sent. wants_pair: legacy is to be asked twice. status, fields: of the reply, as the upstream sent it.
    length: of its body, as far as it said. seconds: from the begin of the attempt that gave it to its end.
    """

    __slots__ = (
        "_asked", "_asked_room", "_budget", "_held", "_replied", "_reply_room", "dropped", "fields", "length", "plan",
        "seconds", "status", "wants_pair", "whole",
    )  # fmt: skip

    def __init__(self, plan: ShadowPlan, budget: Budget, limit: int) -> None:
        self.plan = plan
        self.dropped: ShadowOutcome | None = None
        self.status = 0
        self.fields: Fields = []
        self.length: int | None = None
        self.seconds = 0.0
        self.wants_pair = False
        self.whole = False
        self._budget = budget
        self._held = 0
        self._asked_room = self._reply_room = limit
        self._asked: list[bytes] = []
        self._replied: list[bytes] = []
        self.take(HEAD_BYTES)

    @property
    def held(self) -> int:
        """Bytes of the budget."""
        return self._held

    @property
    def asked(self) -> bytes:
        """The request's body, b"" where it has none."""
        self._asked = [b"".join(self._asked)]
        return self._asked[0]

    @property
    def body(self) -> bytes:
        """The reply's."""
        self._replied = [b"".join(self._replied)]
        return self._replied[0]

    def ask(self, piece: bytes) -> None:
        """A piece of the request's body, or all of it, on its way to the upstream."""
        if self.dropped is not None:
            return
        self._asked_room -= len(piece)
        if self._asked_room < 0:
            self.drop(ShadowOutcome.DROPPED_REQUEST_TOO_LARGE)
        elif self.take(len(piece)):
            self._asked.append(piece)

    def begin_reply(self, status: int, fields: Fields, length: int | None) -> None:
        """The head of the reply that the client gets."""
        self.status = status
        self.fields = fields
        self.length = length

    def reply(self, piece: bytes) -> None:
        """A piece of its body."""
        if self.dropped is not None:
            return
        self._reply_room -= len(piece)
        if self._reply_room < 0:
            self.drop(ShadowOutcome.DROPPED_REPLY_TOO_LARGE)
        elif self.take(len(piece)):
            self._replied.append(piece)

    def take(self, size: int) -> bool:
        """Room in the budget, given back by `release`. Without it the copy is dropped."""
        if not self._budget.take(size):
            self.drop(ShadowOutcome.DROPPED_BUDGET)
            return False
        self._held += size
        return True

    def give_back(self, size: int) -> None:
        """Of what was taken, while the copy lives."""
        given = min(size, self._held)
        self._budget.give_back(given)
        self._held -= given

    def drop(self, why: ShadowOutcome) -> None:
        """The first reason stands."""
        if self.dropped is None:
            self.dropped = why
        self.release()

    def release(self) -> None:
        """Holds nothing any more."""
        self._budget.give_back(self._held)
        self._held = 0
        self._asked = []
        self._replied = []
