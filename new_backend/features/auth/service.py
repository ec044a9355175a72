"""What the feature does. Knows nothing of requests; each method is one transaction, or a read and then one.

Passwords are verified between the two, for that takes long. So what was read before is asked again in the
transaction: whether the address is locked by now, and whether the password is still the one that was verified.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from new_backend.features.auth.errors import (
    EmailTakenError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    LockedError,
    NotAuthenticatedError,
    SessionNotFoundError,
    WrongPasswordError,
)
from new_backend.features.auth.lockout import Lockout
from new_backend.features.auth.models import RefreshToken, User, UserSession
from new_backend.features.auth.repository import RefreshTokenRepository, SessionRepository, UserRepository
from new_backend.features.auth.schemas import ChangePasswordRequest, LoginRequest, RegisterRequest, TokenResponse
from new_backend.infrastructure.clock import Now, utc_now
from new_backend.infrastructure.fields import is_id
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.security.passwords import Passwords
from new_backend.infrastructure.security.tokens import (
    ACCESS_TOKEN_SECONDS,
    REFRESH_TOKEN_SECONDS,
    AccessClaims,
    AccessTokens,
    new_refresh_token,
    refresh_token_hash,
)

_REFRESH_TOKEN_LIFE = timedelta(seconds=REFRESH_TOKEN_SECONDS)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and in which session."""

    user: User
    session_id: str


class AuthService:
    """`logout_leaks`: a planted fault, which leaves a session alive that was logged out."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        access_tokens: AccessTokens,
        lock_seconds: int,
        now: Now = utc_now,
        logout_leaks: bool = False,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._access_tokens = access_tokens
        self._lock = timedelta(seconds=lock_seconds)
        self._now = now
        self._logout_leaks = logout_leaks
        self._nobodys_hash = ""

    async def prepare(self) -> None:
        """Called by the lifespan: makes the hash that an unknown e-mail is checked against, at today's cost."""
        self._nobodys_hash = await self._passwords.hash(secrets.token_urlsafe(16))

    async def register(self, request: RegisterRequest) -> User:
        """Raises EmailTakenError. Two who register one address at once: the database lets one through."""
        password_hash = await self._passwords.hash(request.password)
        user = User(email=request.email, name=request.name, password_hash=password_hash, created_at=self._now())
        try:
            async with self._database.write() as session:
                return await UserRepository(session).add(user)
        except IntegrityError as error:
            raise EmailTakenError from error

    async def login(self, request: LoginRequest, *, user_agent: str | None) -> TokenResponse:
        """Records a session. Raises LockedError, or InvalidCredentialsError after the same work whichever was wrong."""
        async with self._database.read() as session:
            await self._refuse_locked(session, request.email)
            user = await UserRepository(session).by_email(request.email)
        password_hash = self._nobodys_hash if user is None else user.password_hash
        if not await self._passwords.verify(password_hash, request.password) or user is None:
            await self._count_failure(request.email)
            raise InvalidCredentialsError
        now = self._now()
        async with self._database.write() as session:
            await self._accept(session, user, password_hash)
            login = UserSession(user_id=user.id, user_agent=user_agent, created_at=now, last_used_at=now)
            await SessionRepository(session).add(login)
            return await self._issue(session, login, now=now)

    async def refresh(self, refresh_token: str) -> TokenResponse:
        """Trades a token for the next. One that was used before has been stolen, or its successor has: the whole
        session is revoked, which must be committed, so the error is raised outside the transaction."""
        async with self._database.write() as session:
            tokens = await self._rotate(session, refresh_token)
        if tokens is None:
            raise InvalidRefreshTokenError
        return tokens

    async def logout(self, refresh_token: str) -> None:
        """Revokes the session of the token. An unknown token is no error: its owner is logged out."""
        async with self._database.write() as session:
            found = await RefreshTokenRepository(session).by_hash(refresh_token_hash(refresh_token))
            if found is not None and not self._logout_leaks:
                await SessionRepository(session).revoke(found[1].id, now=self._now())

    async def identity_of(self, access_token: str) -> Identity:
        """Raises NotAuthenticatedError, also for a token that is still fresh but whose session was revoked."""
        claims = self._access_tokens.read(access_token)
        if claims is None or not is_id(claims.session_id) or not is_id(claims.user_id):
            raise NotAuthenticatedError
        async with self._database.read() as session:
            users = UserRepository(session)
            user = await users.by_live_session(user_id=claims.user_id, session_id=claims.session_id)
        if user is None:
            raise NotAuthenticatedError
        return Identity(user=user, session_id=claims.session_id)

    async def sessions_of(self, user_id: str) -> Sequence[UserSession]:
        async with self._database.read() as session:
            return await SessionRepository(session).live_of(user_id, used_since=self._now() - _REFRESH_TOKEN_LIFE)

    async def revoke_session(self, session_id: str, *, user_id: str) -> None:
        """Raises SessionNotFoundError for one that `sessions_of` would not list, if it listed all."""
        if not is_id(session_id):
            raise SessionNotFoundError
        now = self._now()
        async with self._database.write() as session:
            sessions = SessionRepository(session)
            since = now - _REFRESH_TOKEN_LIFE
            if not await sessions.revoke_own(session_id, user_id=user_id, used_since=since, now=now):
                raise SessionNotFoundError

    async def change_password(self, identity: Identity, request: ChangePasswordRequest) -> None:
        """Ends every session but the one that asks. Raises LockedError, or WrongPasswordError, which counts."""
        user = identity.user
        async with self._database.read() as session:
            await self._refuse_locked(session, user.email)
        if not await self._passwords.verify(user.password_hash, request.current_password):
            await self._count_failure(user.email)
            raise WrongPasswordError
        new_hash = await self._passwords.hash(request.new_password)
        async with self._database.write() as session:
            await self._refuse_locked(session, user.email)
            users = UserRepository(session)
            if not await users.change_password(user.id, old_hash=user.password_hash, new_hash=new_hash):
                raise WrongPasswordError
            await self._lockout(session).forget(user.email)
            await SessionRepository(session).revoke_others(identity.session_id, user_id=user.id, now=self._now())

    async def _accept(self, session: AsyncSession, user: User, password_hash: str) -> None:
        """The right password, unless the address was locked or the password changed while it was verified."""
        await self._refuse_locked(session, user.email)
        if not await UserRepository(session).still_has(user.id, password_hash=password_hash):
            raise InvalidCredentialsError
        await self._lockout(session).forget(user.email)

    async def _count_failure(self, email: str) -> None:
        async with self._database.write() as session:
            if not await self._lockout(session).count(email):
                await self._refuse_locked(session, email)

    async def _refuse_locked(self, session: AsyncSession, email: str) -> None:
        left = await self._lockout(session).locked_for(email)
        if left is not None:
            raise LockedError(left)

    def _lockout(self, session: AsyncSession) -> Lockout:
        return Lockout(session, lock=self._lock, now=self._now())

    async def _rotate(self, session: AsyncSession, refresh_token: str) -> TokenResponse | None:
        tokens, now = RefreshTokenRepository(session), self._now()
        found = await tokens.by_hash(refresh_token_hash(refresh_token))
        if found is None:
            return None
        token, login = found
        if login.revoked_at is not None:
            return None
        if not await tokens.use(token.id, now=now):
            await SessionRepository(session).revoke(login.id, now=now)
            return None
        if token.expires_at <= now:
            return None
        await SessionRepository(session).update(login, last_used_at=now)
        return await self._issue(session, login, now=now)

    async def _issue(self, session: AsyncSession, login: UserSession, *, now: datetime) -> TokenResponse:
        refresh_token = new_refresh_token()
        row = RefreshToken(
            session_id=login.id,
            token_hash=refresh_token_hash(refresh_token),
            created_at=now,
            expires_at=now + _REFRESH_TOKEN_LIFE,
        )
        await RefreshTokenRepository(session).add(row)
        claims = AccessClaims(user_id=login.user_id, session_id=login.id)
        return TokenResponse(
            access_token=self._access_tokens.issue(claims, now=now),
            refresh_token=refresh_token,
            expires_in=ACCESS_TOKEN_SECONDS,
        )
