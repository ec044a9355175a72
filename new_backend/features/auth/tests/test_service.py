from pathlib import Path

import pytest

from new_backend.conftest import Clock
from new_backend.features.auth.errors import (
    EmailTakenError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    NotAuthenticatedError,
)
from new_backend.features.auth.models import User
from new_backend.features.auth.repository import SessionRepository
from new_backend.features.auth.schemas import LoginRequest, RegisterRequest
from new_backend.features.auth.service import AuthService
from new_backend.features.auth.tests.doubles import PlainPasswords
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.security.tokens import (
    ACCESS_TOKEN_SECONDS,
    REFRESH_TOKEN_SECONDS,
    AccessClaims,
    AccessTokens,
)

pytestmark = pytest.mark.anyio
PASSWORD = "correct horse"
LOGIN = LoginRequest(email="Ada@Example.com", password=PASSWORD)


@pytest.fixture
async def user(service: AuthService) -> User:
    return await service.register(RegisterRequest(email="ada@example.com", password=PASSWORD))


@pytest.mark.usefixtures("user")
async def test_a_second_registration_is_refused(service: AuthService) -> None:
    with pytest.raises(EmailTakenError):
        await service.register(RegisterRequest(email="ADA@example.com", password="another one"))


async def test_login_records_a_session_with_its_user_agent(
    service: AuthService, database: Database, user: User
) -> None:
    await service.login(LOGIN, user_agent="Firefox")
    async with database.read() as session:
        (recorded,) = await SessionRepository(session).list()
    assert (recorded.user_id, recorded.user_agent, recorded.revoked_at) == (user.id, "Firefox", None)


@pytest.mark.usefixtures("user")
async def test_one_hash_is_verified_for_an_unknown_email_and_for_a_wrong_password(
    service: AuthService, passwords: PlainPasswords
) -> None:
    for email in ("ada@example.com", "nobody@example.com"):
        passwords.verified.clear()
        with pytest.raises(InvalidCredentialsError):
            await service.login(LoginRequest(email=email, password="wrong"), user_agent=None)
        assert len(passwords.verified) == 1
        assert passwords.verified[0].startswith("hash of ")


@pytest.mark.usefixtures("user")
async def test_the_password_of_nobodys_hash_logs_nobody_in(service: AuthService) -> None:
    with pytest.raises(InvalidCredentialsError):
        await service.login(LoginRequest(email="nobody@example.com", password=PASSWORD), user_agent=None)


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(("seconds", "good"), [(REFRESH_TOKEN_SECONDS - 1, True), (REFRESH_TOKEN_SECONDS, False)])
async def test_a_refresh_token_expires(service: AuthService, clock: Clock, seconds: int, good: bool) -> None:
    tokens = await service.login(LOGIN, user_agent=None)
    clock.advance(seconds)
    if good:
        assert (await service.refresh(tokens.refresh_token)).refresh_token != tokens.refresh_token
    else:
        with pytest.raises(InvalidRefreshTokenError):
            await service.refresh(tokens.refresh_token)


@pytest.mark.usefixtures("user")
async def test_reuse_is_remembered_although_the_call_fails(
    service: AuthService, database: Database, clock: Clock
) -> None:
    tokens = await service.login(LOGIN, user_agent=None)
    renewed = await service.refresh(tokens.refresh_token)
    with pytest.raises(InvalidRefreshTokenError):
        await service.refresh(tokens.refresh_token)
    async with database.read() as session:
        (recorded,) = await SessionRepository(session).list()
    assert recorded.revoked_at == clock()
    with pytest.raises(InvalidRefreshTokenError):
        await service.refresh(renewed.refresh_token)


async def test_a_fresh_access_token_of_a_revoked_session_is_refused(service: AuthService, user: User) -> None:
    tokens = await service.login(LOGIN, user_agent=None)
    assert (await service.identity_of(tokens.access_token)).user.id == user.id
    await service.logout(tokens.refresh_token)
    with pytest.raises(NotAuthenticatedError):
        await service.identity_of(tokens.access_token)


@pytest.mark.usefixtures("user")
async def test_an_access_token_expires(service: AuthService, clock: Clock) -> None:
    clock.advance(-ACCESS_TOKEN_SECONDS)
    tokens = await service.login(LOGIN, user_agent=None)
    with pytest.raises(NotAuthenticatedError):
        await service.identity_of(tokens.access_token)


async def test_the_refresh_token_itself_is_stored_nowhere(service: AuthService, user: User, tmp_path: Path) -> None:
    tokens = await service.login(LOGIN, user_agent=None)
    stored = everything_in(tmp_path)
    assert user.id.encode() in stored
    assert tokens.refresh_token.encode() not in stored


def test_a_token_of_another_key_is_not_read(clock: Clock) -> None:
    claims = AccessClaims(user_id="u", session_id="s")
    token = AccessTokens("a" * 32).issue(claims, now=clock())
    assert AccessTokens("a" * 32).read(token) == claims
    assert AccessTokens("b" * 32).read(token) is None


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())
