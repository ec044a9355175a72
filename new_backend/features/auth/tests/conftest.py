import pytest

from new_backend.conftest import Clock
from new_backend.features.auth.models import User
from new_backend.features.auth.service import AuthService
from new_backend.features.auth.tests.doubles import MakeUser, PlainPasswords
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.security.tokens import AccessTokens


@pytest.fixture
def passwords() -> PlainPasswords:
    return PlainPasswords()


@pytest.fixture
async def service(database: Database, passwords: PlainPasswords, clock: Clock) -> AuthService:
    service = AuthService(
        database=database, passwords=passwords, access_tokens=AccessTokens("k" * 32), lock_seconds=900, now=clock
    )
    await service.prepare()
    return service


@pytest.fixture
def a_user(clock: Clock) -> MakeUser:
    """Makes users that are not stored yet."""

    def make(email: str = "a@example.com") -> User:
        return User(email=email, password_hash="x", created_at=clock())

    return make
