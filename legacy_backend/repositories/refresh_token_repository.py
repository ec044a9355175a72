from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.models.refresh_token import RefreshToken


class RefreshTokenRepository:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def create(self, token: RefreshToken) -> RefreshToken:
        self.db.add(token)
        await self.db.flush()
        return token

    async def get_by_hash(self, token_hash: str) -> RefreshToken | None:
        return await self.db.scalar(select(RefreshToken).where(RefreshToken.token_hash == token_hash))

    async def mark_used(self, token_id: str, at: datetime) -> bool:
        """False when somebody else was first: only one caller ever gets True."""
        unused = update(RefreshToken).where(RefreshToken.id == token_id, RefreshToken.used_at.is_(None))
        return await self.db.scalar(unused.values(used_at=at).returning(RefreshToken.id)) is not None
