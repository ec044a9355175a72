"""Access tokens (JWT, HS256) and refresh tokens (random text, of which only the hash is kept).

The claims are a contract between the two sides of the application: each accepts what the other signs.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

import jwt

ACCESS_TOKEN_SECONDS = 900
REFRESH_TOKEN_SECONDS = 30 * 24 * 3600
_ALGORITHM = "HS256"
_ISSUER = "resume-review"


@dataclass(frozen=True, slots=True)
class AccessClaims:
    user_id: str
    session_id: str


class AccessTokens:
    def __init__(self, secret: str) -> None:
        self._secret = secret

    def issue(self, claims: AccessClaims, *, now: datetime) -> str:
        """`now` is aware; the token is good for ACCESS_TOKEN_SECONDS from it."""
        issued = int(now.timestamp())
        payload = {
            "iss": _ISSUER,
            "sub": claims.user_id,
            "sid": claims.session_id,
            "typ": "access",
            "iat": issued,
            "exp": issued + ACCESS_TOKEN_SECONDS,
        }
        return jwt.encode(payload, self._secret, algorithm=_ALGORITHM)

    def read(self, token: str) -> AccessClaims | None:
        """None for a token that is forged, expired, or of another kind. The clocks of two machines may differ,
        so the time of issue is not held against it."""
        try:
            payload = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                options={"require": ["exp", "sub", "sid", "typ"], "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        if payload["typ"] != "access" or not isinstance(payload["sid"], str):
            return None
        return AccessClaims(user_id=payload["sub"], session_id=payload["sid"])


def new_refresh_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def refresh_token_hash(token: str) -> str:
    """What the database keeps. A fast hash is enough: the token is random, not chosen by a person."""
    return hashlib.sha256(token.encode()).hexdigest()
