from datetime import datetime

from sqlalchemy import update
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

    async def touch(self, session_id: str, at: datetime) -> None:
        await self.db.execute(update(Session).where(Session.id == session_id).values(last_used_at=at))

    async def revoke(self, session_id: str, at: datetime) -> None:
        """The first revocation's time stays."""
        live = update(Session).where(Session.id == session_id, Session.revoked_at.is_(None))
        await self.db.execute(live.values(revoked_at=at))
