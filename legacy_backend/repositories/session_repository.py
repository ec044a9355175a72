from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.models.session import Session


class SessionRepository:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def create(self, user_id: str, user_agent: str | None, at: datetime) -> Session:
        session = Session(user_id=user_id, user_agent=user_agent, created_at=at, last_used_at=at)
        self.db.add(session)
        await self.db.flush()
        return session

    async def get(self, session_id: str) -> Session | None:
        return await self.db.get(Session, session_id)

    async def list_live(self, user_id: str, used_after: datetime, limit: int = 100) -> Sequence[Session]:
        """Newest first."""
        live = select(Session).where(
            Session.user_id == user_id, Session.revoked_at.is_(None), Session.last_used_at > used_after
        )
        return (await self.db.scalars(live.order_by(Session.created_at.desc(), Session.id).limit(limit))).all()

    async def touch(self, session_id: str, at: datetime) -> None:
        await self.db.execute(update(Session).where(Session.id == session_id).values(last_used_at=at))

    async def revoke(self, session_id: str, at: datetime) -> None:
        """The first revocation's time stays."""
        live = update(Session).where(Session.id == session_id, Session.revoked_at.is_(None))
        await self.db.execute(live.values(revoked_at=at))

    async def revoke_for_user(self, session_id: str, user_id: str, at: datetime) -> bool:
        """False when the user has no such session, or none that lives."""
        live = update(Session).where(Session.id == session_id, Session.user_id == user_id, Session.revoked_at.is_(None))
        return await self.db.scalar(live.values(revoked_at=at).returning(Session.id)) is not None

    async def revoke_others(self, user_id: str, kept_session_id: str, at: datetime) -> None:
        others = update(Session).where(
            Session.user_id == user_id, Session.id != kept_session_id, Session.revoked_at.is_(None)
        )
        await self.db.execute(others.values(revoked_at=at))
