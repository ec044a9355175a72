import pytest

from new_backend.conftest import Clock
from new_backend.features.auth.errors import (
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    NotAuthenticatedError,
    SessionNotFoundError,
    WrongPasswordError,
)
from new_backend.features.auth.schemas import ChangePasswordRequest, LoginRequest, RegisterRequest, TokenResponse
from new_backend.features.auth.service import AuthService, Identity
from new_backend.features.auth.tests.doubles import PlainPasswords
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.security.tokens import REFRESH_TOKEN_SECONDS, AccessTokens

pytestmark = pytest.mark.anyio
PASSWORD = "correct horse"


async def enter(service: AuthService, email: str, password: str = PASSWORD) -> TokenResponse:
    return await service.login(LoginRequest(email=email, password=password), user_agent=None)


@pytest.fixture
async def ada(service: AuthService) -> Identity:
    await service.register(RegisterRequest(email="ada@example.com", password=PASSWORD))
    return await service.identity_of((await enter(service, "ada@example.com")).access_token)


@pytest.fixture
async def bob(service: AuthService) -> Identity:
    await service.register(RegisterRequest(email="bob@example.com", password=PASSWORD))
    return await service.identity_of((await enter(service, "bob@example.com")).access_token)


async def ids(service: AuthService, identity: Identity) -> list[str]:
    return [session.id for session in await service.sessions_of(identity.user.id)]


async def test_sessions_are_ones_own_newest_first(
    service: AuthService, ada: Identity, bob: Identity, clock: Clock
) -> None:
    clock.advance(1)
    newer = await service.identity_of((await enter(service, "ada@example.com")).access_token)
    assert await ids(service, ada) == [newer.session_id, ada.session_id]
    assert await ids(service, bob) == [bob.session_id]


async def test_a_session_that_nobody_can_refresh_is_not_listed(
    service: AuthService, ada: Identity, clock: Clock
) -> None:
    clock.advance(REFRESH_TOKEN_SECONDS - 1)
    assert await ids(service, ada) == [ada.session_id]
    clock.advance(1)
    assert await ids(service, ada) == []


async def test_a_revoked_session_is_over_at_once_and_no_longer_there(service: AuthService, ada: Identity) -> None:
    tokens = await enter(service, "ada@example.com")
    session_id = (await service.identity_of(tokens.access_token)).session_id
    await service.revoke_session(session_id, user_id=ada.user.id)
    with pytest.raises(NotAuthenticatedError):
        await service.identity_of(tokens.access_token)
    with pytest.raises(InvalidRefreshTokenError):
        await service.refresh(tokens.refresh_token)
    assert await ids(service, ada) == [ada.session_id]
    with pytest.raises(SessionNotFoundError):
        await service.revoke_session(session_id, user_id=ada.user.id)


@pytest.mark.parametrize("wrong", ["", "\0", "nonsense", "00000000-0000-0000-0000-000000000000"])
async def test_what_is_no_session_cannot_be_revoked(service: AuthService, ada: Identity, wrong: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await service.revoke_session(wrong, user_id=ada.user.id)


async def test_somebody_elses_session_cannot_be_revoked(service: AuthService, ada: Identity, bob: Identity) -> None:
    with pytest.raises(SessionNotFoundError):
        await service.revoke_session(bob.session_id, user_id=ada.user.id)
    assert await ids(service, bob) == [bob.session_id]


async def test_a_new_password_ends_all_other_sessions(service: AuthService, ada: Identity, bob: Identity) -> None:
    other = await enter(service, "ada@example.com")
    await service.change_password(ada, ChangePasswordRequest(current_password=PASSWORD, new_password="another one"))
    with pytest.raises(NotAuthenticatedError):
        await service.identity_of(other.access_token)
    assert await ids(service, ada) == [ada.session_id]
    assert await ids(service, bob) == [bob.session_id]
    with pytest.raises(InvalidCredentialsError):
        await enter(service, "ada@example.com")
    await enter(service, "ada@example.com", "another one")


async def test_of_two_changes_at_once_one_wins(service: AuthService, ada: Identity) -> None:
    """The second knows a password that is no longer the current one."""
    first = ChangePasswordRequest(current_password=PASSWORD, new_password="the first one")
    await service.change_password(ada, first)
    with pytest.raises(WrongPasswordError):
        await service.change_password(ada, first.model_copy(update={"new_password": "the second one"}))
    await enter(service, "ada@example.com", "the first one")


async def test_the_planted_leak_leaves_a_session_alive(
    database: Database, passwords: PlainPasswords, clock: Clock
) -> None:
    leaking = AuthService(
        database=database,
        passwords=passwords,
        access_tokens=AccessTokens("k" * 32),
        lock_seconds=900,
        now=clock,
        logout_leaks=True,
    )
    await leaking.register(RegisterRequest(email="ada@example.com", password=PASSWORD))
    tokens = await enter(leaking, "ada@example.com")
    await leaking.logout(tokens.refresh_token)
    await leaking.identity_of(tokens.access_token)
    await leaking.refresh(tokens.refresh_token)
