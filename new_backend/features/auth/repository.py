"""The queries of users, sessions and refresh tokens. Those of failed logins stand in `lockout`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select, update

from new_backend.features.auth.models import RefreshToken, User, UserSession
from new_backend.infrastructure.persistence.postgres.base import BaseRepository

MAX_SESSIONS = 100


class UserRepository(BaseRepository[User]):
    model = User

    async def by_email(self, email: str) -> User | None:
        """`email` in lower case, as the schemas make it."""
        return await self._session.scalar(select(User).where(User.email == email))

    async def by_live_session(self, *, user_id: str, session_id: str) -> User | None:
        """The user, unless the session is another's or has been revoked."""
        query = (
            select(User)
            .join(UserSession, UserSession.user_id == User.id)
            .where(User.id == user_id, UserSession.id == session_id, UserSession.revoked_at.is_(None))
        )
        return await self._session.scalar(query)

    async def still_has(self, user_id: str, *, password_hash: str) -> bool:
        """Whether that is the user's password to this moment; it stays so until the transaction ends."""
        query = select(User.id).where(User.id == user_id, User.password_hash == password_hash)
        return await self._session.scalar(query.with_for_update(read=True)) is not None

    async def change_password(self, user_id: str, *, old_hash: str, new_hash: str) -> bool:
        """False when the password is no longer the one that was verified."""
        query = update(User).where(User.id == user_id, User.password_hash == old_hash).values(password_hash=new_hash)
        return await self._session.scalar(query.returning(User.id)) is not None


class SessionRepository(BaseRepository[UserSession]):
    model = UserSession

    async def live_of(self, user_id: str, *, used_since: datetime) -> Sequence[UserSession]:
        """Newest first."""
        query = select(UserSession).where(*_live(user_id, used_since=used_since))
        query = query.order_by(UserSession.created_at.desc(), UserSession.id).limit(MAX_SESSIONS)
        return (await self._session.scalars(query)).all()

    async def revoke_own(self, session_id: str, *, user_id: str, used_since: datetime, now: datetime) -> bool:
        """False when the user has no such session that is alive."""
        query = update(UserSession).where(UserSession.id == session_id, *_live(user_id, used_since=used_since))
        return await self._session.scalar(query.values(revoked_at=now).returning(UserSession.id)) is not None

    async def revoke(self, session_id: str, *, now: datetime) -> None:
        """Keeps the time of the first revocation."""
        query = update(UserSession).where(UserSession.id == session_id, UserSession.revoked_at.is_(None))
        await self._session.execute(query.values(revoked_at=now))

    async def revoke_others(self, session_id: str, *, user_id: str, now: datetime) -> None:
        """All of the user's sessions but this one."""
        query = update(UserSession).where(
            UserSession.user_id == user_id, UserSession.id != session_id, UserSession.revoked_at.is_(None)
        )
        await self._session.execute(query.values(revoked_at=now))


class RefreshTokenRepository(BaseRepository[RefreshToken]):
    model = RefreshToken

    async def by_hash(self, token_hash: str) -> tuple[RefreshToken, UserSession] | None:
        query = (
            select(RefreshToken, UserSession)
            .join(UserSession, UserSession.id == RefreshToken.session_id)
            .where(RefreshToken.token_hash == token_hash)
        )
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def use(self, token_id: str, *, now: datetime) -> bool:
        """True for exactly one of any number of callers, whichever side and process they are in."""
        query = update(RefreshToken).where(RefreshToken.id == token_id, RefreshToken.used_at.is_(None))
        used = await self._session.execute(query.values(used_at=now).returning(RefreshToken.id))
        return used.one_or_none() is not None


def _live(user_id: str, *, used_since: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        UserSession.user_id == user_id,
        UserSession.revoked_at.is_(None),
        UserSession.last_used_at > used_since,
    )
