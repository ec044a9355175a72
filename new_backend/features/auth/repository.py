"""The queries of the feature."""

from datetime import datetime

from sqlalchemy import select, update

from new_backend.features.auth.models import RefreshToken, User, UserSession
from new_backend.infrastructure.persistence.postgres.base import BaseRepository


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


class SessionRepository(BaseRepository[UserSession]):
    model = UserSession

    async def revoke(self, session_id: str, *, now: datetime) -> None:
        """Keeps the time of the first revocation."""
        query = update(UserSession).where(UserSession.id == session_id, UserSession.revoked_at.is_(None))
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
