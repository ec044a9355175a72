"""Sign up, sign in, stay signed in, sign out."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.core.config import ACCESS_TOKEN_SECONDS, REFRESH_TOKEN_SECONDS
from legacy_backend.core.database import Database
from legacy_backend.core.security import Security, generate_refresh_token, hash_refresh_token, now
from legacy_backend.models.refresh_token import RefreshToken
from legacy_backend.models.session import Session
from legacy_backend.models.user import User
from legacy_backend.repositories.refresh_token_repository import RefreshTokenRepository
from legacy_backend.repositories.session_repository import SessionRepository
from legacy_backend.repositories.user_repository import UserRepository
from legacy_backend.services.errors import (
    AuthenticationError,
    EmailAlreadyRegisteredError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
)
from legacy_backend.services.login_guard import LoginGuard


@dataclass(frozen=True, slots=True)
class Tokens:
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int = ACCESS_TOKEN_SECONDS
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # a word of RFC 6750, no secret


@dataclass(frozen=True, slots=True)
class SignedIn:
    user: User
    session_id: str


class AuthService:
    def __init__(self, database: Database, security: Security, guard: LoginGuard) -> None:
        self.database = database
        self.security = security
        self.guard = guard
        self.dummy_hash = ""

    async def make_dummy_hash(self) -> None:
        """At start: what a login with an unknown e-mail is checked against, so that it takes as long as any."""
        self.dummy_hash = await self.security.hash_password(secrets.token_urlsafe(16))

    async def register(self, email: str, password: str, name: str | None) -> User:
        """Raises EmailAlreadyRegisteredError."""
        password_hash = await self.security.hash_password(password)  # before the transaction: it is slow
        try:
            async with self.database.transaction() as db:
                user = User(email=email, name=name, password_hash=password_hash, created_at=now())
                return await UserRepository(db).create(user)
        except IntegrityError as error:
            raise EmailAlreadyRegisteredError from error

    async def login(self, email: str, password: str, user_agent: str | None) -> Tokens:
        """Raises InvalidCredentialsError and TooManyFailuresError. A failure is as much work for any address."""
        await self.guard.check(email)
        async with self.database.session() as db:
            user = await UserRepository(db).get_by_email(email)
        password_hash = self.dummy_hash if user is None else user.password_hash
        if not await self.security.verify_password(password, password_hash) or user is None:
            await self.guard.failed(email)
            raise InvalidCredentialsError
        async with self.database.transaction() as db:
            await self.guard.succeeded(db, email)
            if not await UserRepository(db).has_password_hash(user.id, password_hash):
                raise InvalidCredentialsError  # changed meanwhile: this session would outlive the change
            session = await SessionRepository(db).create(user.id, user_agent, now())
            return await self._create_tokens(db, session)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Raises InvalidRefreshTokenError. A token that comes a second time revokes its whole session."""
        async with self.database.transaction() as db:
            tokens = await self._rotate(db, refresh_token)
        if tokens is None:  # outside of the transaction, which must commit a revocation
            raise InvalidRefreshTokenError
        return tokens

    async def logout(self, refresh_token: str) -> None:
        """Revokes the token's session; an unknown token is already logged out."""
        async with self.database.transaction() as db:
            token = await RefreshTokenRepository(db).get_by_hash(hash_refresh_token(refresh_token))
            if token is not None:
                await SessionRepository(db).revoke(token.session_id, now())

    async def authenticate(self, access_token: str) -> SignedIn:
        """Raises AuthenticationError."""
        claims = self.security.decode_access_token(access_token)
        if claims is None:
            raise AuthenticationError
        async with self.database.session() as db:
            user = await UserRepository(db).get_signed_in(claims["sub"], claims["sid"])
        if user is None:
            raise AuthenticationError
        return SignedIn(user, claims["sid"])

    async def _rotate(self, db: AsyncSession, refresh_token: str) -> Tokens | None:
        tokens, sessions, at = RefreshTokenRepository(db), SessionRepository(db), now()
        token = await tokens.get_by_hash(hash_refresh_token(refresh_token))
        if token is None:
            return None
        session = await sessions.get(token.session_id)
        if session is None or session.revoked_at is not None:
            return None
        if not await tokens.mark_used(token.id, at):
            await sessions.revoke(session.id, at)
            return None
        if token.expires_at <= at:
            return None
        await sessions.touch(session.id, at)
        return await self._create_tokens(db, session)

    async def _create_tokens(self, db: AsyncSession, session: Session) -> Tokens:
        refresh_token = generate_refresh_token()
        at = now()
        await RefreshTokenRepository(db).create(
            RefreshToken(
                session_id=session.id,
                token_hash=hash_refresh_token(refresh_token),
                created_at=at,
                expires_at=at + timedelta(seconds=REFRESH_TOKEN_SECONDS),
            )
        )
        return Tokens(self.security.create_access_token(session.user_id, session.id), refresh_token)
