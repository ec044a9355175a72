"""What the feature does. Knows nothing of requests; each method is one transaction, or a read and then one."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from new_backend.features.auth.models import RefreshToken, User, UserSession
from new_backend.features.auth.repository import RefreshTokenRepository, SessionRepository, UserRepository
from new_backend.features.auth.schemas import LoginRequest, RegisterRequest, TokenResponse
from new_backend.infrastructure.errors import ServiceError
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.security.passwords import Passwords
from new_backend.infrastructure.security.tokens import (
    ACCESS_TOKEN_SECONDS,
    REFRESH_TOKEN_SECONDS,
    AccessClaims,
    AccessTokens,
    new_refresh_token,
    refresh_token_hash,
    utc_now,
)


class EmailTakenError(ServiceError):
    status = 409
    detail = "Email already registered"


class InvalidCredentialsError(ServiceError):
    """For a wrong e-mail and a wrong password alike: nobody learns who has an account."""

    status = 401
    detail = "Invalid email or password"


class InvalidRefreshTokenError(ServiceError):
    status = 401
    detail = "Invalid refresh token"


class NotAuthenticatedError(ServiceError):
    status = 401
    detail = "Not authenticated"
    headers: ClassVar = {"WWW-Authenticate": "Bearer"}


class AuthService:
    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        access_tokens: AccessTokens,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._access_tokens = access_tokens
        self._now = now
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
        """Records a session. Raises InvalidCredentialsError, after the same work whichever of the two was wrong."""
        async with self._database.read() as session:
            user = await UserRepository(session).by_email(request.email)
        password_hash = self._nobodys_hash if user is None else user.password_hash
        if not await self._passwords.verify(password_hash, request.password) or user is None:
            raise InvalidCredentialsError
        now = self._now()
        async with self._database.write() as session:
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
            if found is not None:
                await SessionRepository(session).revoke(found[1].id, now=self._now())

    async def user_of(self, access_token: str) -> User:
        """Raises NotAuthenticatedError, also for a token that is still fresh but whose session was revoked."""
        claims = self._access_tokens.read(access_token)
        if claims is None:
            raise NotAuthenticatedError
        async with self._database.read() as session:
            users = UserRepository(session)
            user = await users.by_live_session(user_id=claims.user_id, session_id=claims.session_id)
        if user is None:
            raise NotAuthenticatedError
        return user

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
            expires_at=now + timedelta(seconds=REFRESH_TOKEN_SECONDS),
        )
        await RefreshTokenRepository(session).add(row)
        claims = AccessClaims(user_id=login.user_id, session_id=login.id)
        return TokenResponse(
            access_token=self._access_tokens.issue(claims, now=now),
            refresh_token=refresh_token,
            expires_in=ACCESS_TOKEN_SECONDS,
        )
