"""Passwords and tokens. Both sides of the application accept what the other has made."""

import hashlib
import os
import secrets
from asyncio import get_running_loop
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from legacy_backend.core.config import ACCESS_TOKEN_SECONDS, Config

JWT_ALGORITHM = "HS256"
JWT_ISSUER = "resume-review"


def now() -> datetime:
    return datetime.now(UTC)


def generate_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def hash_refresh_token(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8")).hexdigest()


class Security:
    def __init__(self, config: Config) -> None:
        self._hasher = PasswordHasher(time_cost=config.argon2_time_cost, memory_cost=config.argon2_memory_kib)
        self._jwt_secret = config.jwt_secret.get_secret_value()
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="argon2")

    async def hash_password(self, password: str) -> str:
        """In a thread: it takes tens of milliseconds on purpose."""
        return await get_running_loop().run_in_executor(self._pool, self._hasher.hash, password)

    async def verify_password(self, password: str, password_hash: str) -> bool:
        return await get_running_loop().run_in_executor(self._pool, self._verify, password, password_hash)

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def create_access_token(self, user_id: str, session_id: str) -> str:
        issued_at = now()
        claims = {
            "iss": JWT_ISSUER,
            "sub": user_id,
            "sid": session_id,
            "typ": "access",
            "iat": issued_at,
            "exp": issued_at + timedelta(seconds=ACCESS_TOKEN_SECONDS),
        }
        return jwt.encode(claims, self._jwt_secret, algorithm=JWT_ALGORITHM)

    def decode_access_token(self, token: str) -> dict[str, Any] | None:
        """The claims, or None when the token is not one of ours, has expired, or is of another kind."""
        try:
            claims = jwt.decode(
                token,
                self._jwt_secret,
                algorithms=[JWT_ALGORITHM],
                issuer=JWT_ISSUER,
                options={"require": ["exp", "sub", "sid", "typ"], "verify_iat": False},  # clocks differ
            )
        except jwt.InvalidTokenError:
            return None
        return claims if claims["typ"] == "access" and isinstance(claims["sid"], str) else None
