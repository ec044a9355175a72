"""What users do about their own account: see and end their sessions, change their password."""

from collections.abc import Sequence
from datetime import timedelta

from legacy_backend.core.config import REFRESH_TOKEN_SECONDS
from legacy_backend.core.database import Database
from legacy_backend.core.security import Security, now
from legacy_backend.models.session import Session
from legacy_backend.models.user import User
from legacy_backend.repositories.session_repository import SessionRepository
from legacy_backend.repositories.user_repository import UserRepository
from legacy_backend.services.errors import NotFoundError, WrongPasswordError
from legacy_backend.services.ids import require_id
from legacy_backend.services.login_guard import LoginGuard

NO_SESSION = "Session not found"


class AccountService:
    def __init__(self, database: Database, security: Security, guard: LoginGuard) -> None:
        self.database = database
        self.security = security
        self.guard = guard

    async def list_sessions(self, user_id: str) -> Sequence[Session]:
        """Those that could still be refreshed, newest first."""
        async with self.database.session() as db:
            return await SessionRepository(db).list_live(user_id, now() - timedelta(seconds=REFRESH_TOKEN_SECONDS))

    async def revoke_session(self, user_id: str, session_id: str) -> None:
        """Raises NotFoundError."""
        require_id(session_id, NO_SESSION)
        async with self.database.transaction() as db:
            if not await SessionRepository(db).revoke_for_user(session_id, user_id, now()):
                raise NotFoundError(NO_SESSION)

    async def change_password(self, user: User, session_id: str, current: str, new: str) -> None:
        """Ends all sessions but this one. Raises TooManyFailuresError and WrongPasswordError."""
        await self.guard.check(user.email)
        if not await self.security.verify_password(current, user.password_hash):
            await self.guard.failed(user.email)
            raise WrongPasswordError
        password_hash = await self.security.hash_password(new)
        async with self.database.transaction() as db:
            await self.guard.succeeded(db, user.email)
            if not await UserRepository(db).replace_password_hash(user.id, user.password_hash, password_hash):
                raise WrongPasswordError  # somebody has just changed it
            await SessionRepository(db).revoke_others(user.id, session_id, now())
