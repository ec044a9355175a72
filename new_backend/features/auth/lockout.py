"""Failed logins, counted per address. Five in a row lock it, whether somebody has that address or not.

Each method is called inside the transaction that also does what depends on it, so two failures at once both count,
and of many guesses sent at once no more than five learn whether they were right.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from new_backend.features.auth.models import LoginFailures

FAILURES_TO_LOCK = 5
_FORGET_AFTER = timedelta(hours=24)
_FORGET_AT_MOST = 100
_INSERTS: dict[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""Both databases understand the same upsert; SQLAlchemy has one for each, without a word for what they share."""


class Lockout:
    """For one transaction. `now` is aware, and the same throughout it."""

    def __init__(self, session: AsyncSession, *, lock: timedelta, now: datetime) -> None:
        self._session = session
        self._lock = lock
        self._now = now

    async def locked_for(self, email: str) -> timedelta | None:
        """How long the address is still locked; None when it is not."""
        query = select(LoginFailures.locked_until).where(LoginFailures.email_hash == email_hash(email))
        until = await self._session.scalar(query)
        return until - self._now if until is not None and until > self._now else None

    async def count(self, email: str) -> bool:
        """One more failure; the fifth locks. False, and nothing counted, when the address is locked already."""
        insert = _INSERTS[self._session.get_bind().dialect.name]
        counted = case((self._outdated(), 1), else_=LoginFailures.failures + 1)
        first = {"failures": 1, "last_failed_at": self._now, "locked_until": None}
        upsert = (
            insert(LoginFailures)
            .values(email_hash=email_hash(email), **first)
            .on_conflict_do_update(
                index_elements=[LoginFailures.email_hash],
                set_={
                    "failures": counted,
                    "last_failed_at": self._now,
                    "locked_until": case((counted >= FAILURES_TO_LOCK, self._now + self._lock), else_=None),
                },
                where=self._not_locked(),
            )
            .returning(LoginFailures.email_hash)
        )
        counted_one = (await self._session.execute(upsert)).first() is not None
        await self._forget_old()
        return counted_one

    async def forget(self, email: str) -> None:
        await self._session.execute(delete(LoginFailures).where(LoginFailures.email_hash == email_hash(email)))

    def _outdated(self) -> ColumnElement[bool]:
        """A lock that has run out, and failures that are older than a lock is long, no longer count."""
        return or_(LoginFailures.locked_until <= self._now, LoginFailures.last_failed_at < self._now - self._lock)

    def _not_locked(self) -> ColumnElement[bool]:
        return or_(LoginFailures.locked_until.is_(None), LoginFailures.locked_until <= self._now)

    async def _forget_old(self) -> None:
        """Skips rows that another transaction holds, which may be doing the same: two of them must not deadlock."""
        old = and_(LoginFailures.last_failed_at < self._now - _FORGET_AFTER, self._not_locked())
        some = select(LoginFailures.email_hash).where(old).limit(_FORGET_AT_MOST).with_for_update(skip_locked=True)
        await self._session.execute(delete(LoginFailures).where(LoginFailures.email_hash.in_(some)))


def email_hash(email: str) -> str:
    return hashlib.sha256(email.lower().encode()).hexdigest()


def whole_seconds(left: timedelta) -> int:
    """Rounded up, so that who waits that long has waited long enough."""
    return -(-left // timedelta(seconds=1))
