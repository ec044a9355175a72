from sqlalchemy import select, update
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

    async def has_password_hash(self, user_id: str, password_hash: str) -> bool:
        """Whether it is (still) this one; it stays so until the end of the transaction."""
        unchanged = select(User.id).where(User.id == user_id, User.password_hash == password_hash)
        return await self.db.scalar(unchanged.with_for_update(read=True)) is not None

    async def replace_password_hash(self, user_id: str, old: str, new: str) -> bool:
        """False when somebody else was first."""
        unchanged = update(User).where(User.id == user_id, User.password_hash == old)
        return await self.db.scalar(unchanged.values(password_hash=new).returning(User.id)) is not None
