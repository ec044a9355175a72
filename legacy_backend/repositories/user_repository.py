from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.models.session import Session
from legacy_backend.models.user import User


class UserRepository:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def create(self, user: User) -> User:
        """Raises IntegrityError when the e-mail is taken."""
        self.db.add(user)
        await self.db.flush()
        return user

    async def get_by_email(self, email: str) -> User | None:
        return await self.db.scalar(select(User).where(User.email == email))

    async def get_signed_in(self, user_id: str, session_id: str) -> User | None:
        """None as well when the session has been revoked."""
        session = select(Session.id).where(
            Session.id == session_id, Session.user_id == user_id, Session.revoked_at.is_(None)
        )
        return await self.db.scalar(select(User).where(User.id == user_id, session.exists()))
