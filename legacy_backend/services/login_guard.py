"""Locks an address for a while after failed logins in a row, whether somebody has that address or not."""

import hashlib
import math
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.core.database import Database
from legacy_backend.core.security import now
from legacy_backend.repositories.login_failure_repository import LoginFailureRepository
from legacy_backend.services.errors import TooManyFailuresError

MAX_FAILURES = 5
KEPT_FOR = timedelta(hours=24)


class LoginGuard:
    """Who verifies a password calls `check` before, `failed` or `succeeded` after; all raise TooManyFailuresError.

    The lock is looked at again afterwards, so that of guesses made all at once no more than the allowed ones are told
    whether they were right.
    """

    def __init__(self, database: Database, lock_seconds: int) -> None:
        self.database = database
        self.lock = timedelta(seconds=lock_seconds)

    async def check(self, email: str) -> None:
        async with self.database.session() as db:
            await self._refuse_if_locked(db, email)

    async def failed(self, email: str) -> None:
        """Counts, in a transaction of its own; the failure that locks is still a failure like any other."""
        async with self.database.transaction() as db:
            failures, at = LoginFailureRepository(db), now()
            counted = await failures.count(_hash(email), at, self.lock, MAX_FAILURES)
            await failures.remove_old(at - KEPT_FOR, at)
        if not counted:
            await self.check(email)

    async def succeeded(self, db: AsyncSession, email: str) -> None:
        """Forgets the failures, in the transaction of whatever the password was asked for."""
        await LoginFailureRepository(db).forget(_hash(email), now())
        await self._refuse_if_locked(db, email)

    async def _refuse_if_locked(self, db: AsyncSession, email: str) -> None:
        at = now()
        until = await LoginFailureRepository(db).locked_until(_hash(email), at)
        if until is not None:
            raise TooManyFailuresError(_whole_seconds(until - at))


def _hash(email: str) -> str:
    return hashlib.sha256(email.lower().encode()).hexdigest()


def _whole_seconds(left: timedelta) -> int:
    """Rounded up: who comes back then finds it open."""
    return math.ceil(left / timedelta(seconds=1))
