from datetime import datetime, timedelta

from sqlalchemy import case, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.models.login_failure import LoginFailure

MAX_REMOVED = 100


class LoginFailureRepository:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def locked_until(self, email_hash: str, at: datetime) -> datetime | None:
        """None when it is not locked (any more)."""
        locked = select(LoginFailure.locked_until).where(
            LoginFailure.email_hash == email_hash, LoginFailure.locked_until > at
        )
        return await self.db.scalar(locked)

    async def count(self, email_hash: str, at: datetime, lock: timedelta, allowed: int) -> bool:
        """One more failure, the last one of those allowed locks. False when it is locked, which nothing prolongs.

        One statement, so that of failures at the same time none is lost.
        """
        forgotten = or_(LoginFailure.locked_until.is_not(None), LoginFailure.last_failed_at <= at - lock)
        failures = case((forgotten, 1), else_=LoginFailure.failures + 1)
        insert = sqlite.insert if self.db.get_bind().dialect.name == "sqlite" else postgresql.insert
        counted = (
            insert(LoginFailure)
            .values(email_hash=email_hash, failures=1, last_failed_at=at, locked_until=None)
            .on_conflict_do_update(
                index_elements=[LoginFailure.email_hash],
                set_={
                    "failures": failures,
                    "last_failed_at": at,
                    "locked_until": case((failures >= allowed, at + lock), else_=None),
                },
                where=or_(LoginFailure.locked_until.is_(None), LoginFailure.locked_until <= at),
            )
            .returning(LoginFailure.failures)
        )
        return await self.db.scalar(counted) is not None

    async def forget(self, email_hash: str, at: datetime) -> None:
        """Leaves a lock that is in force."""
        unlocked = or_(LoginFailure.locked_until.is_(None), LoginFailure.locked_until <= at)
        await self.db.execute(delete(LoginFailure).where(LoginFailure.email_hash == email_hash, unlocked))

    async def remove_old(self, before: datetime, at: datetime) -> None:
        """At most MAX_REMOVED. Rows that somebody else has locked are left: two who wait could block each other."""
        unlocked = or_(LoginFailure.locked_until.is_(None), LoginFailure.locked_until <= at)
        old = select(LoginFailure.email_hash).where(LoginFailure.last_failed_at < before, unlocked)
        chosen = old.limit(MAX_REMOVED).with_for_update(skip_locked=True)
        await self.db.execute(
            delete(LoginFailure).where(LoginFailure.email_hash.in_(chosen)).execution_options(synchronize_session=False)
        )
