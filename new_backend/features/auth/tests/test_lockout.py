"""Failed logins, counted and forgotten; with a clock, and with two that fail at once."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from new_backend.conftest import Clock
from new_backend.features.auth.errors import InvalidCredentialsError, LockedError, WrongPasswordError
from new_backend.features.auth.lockout import Lockout, email_hash, whole_seconds
from new_backend.features.auth.models import LoginFailures
from new_backend.features.auth.schemas import ChangePasswordRequest, LoginRequest, RegisterRequest
from new_backend.features.auth.service import AuthService
from new_backend.infrastructure.persistence.postgres.connection import Database

pytestmark = pytest.mark.anyio

EMAIL, PASSWORD = "ada@example.com", "correct horse"
LOCK = 900


@pytest.fixture(autouse=True)
async def _user(service: AuthService) -> None:
    await service.register(RegisterRequest(email=EMAIL, password=PASSWORD))


async def outcome(service: AuthService, password: str, email: str = EMAIL) -> str:
    try:
        await service.login(LoginRequest(email=email, password=password), user_agent=None)
    except InvalidCredentialsError:
        return "wrong"
    except LockedError as error:
        return f"locked for {error.headers['Retry-After']}"
    return "in"


async def fail(service: AuthService, times: int, email: str = EMAIL) -> None:
    for _ in range(times):
        assert await outcome(service, "wrong", email) == "wrong"


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
async def test_the_fifth_failure_is_told_as_the_others_and_then_it_is_locked(service: AuthService, email: str) -> None:
    await fail(service, 5, email)
    assert await outcome(service, PASSWORD, email) == f"locked for {LOCK}"


async def test_one_address_says_nothing_of_another(service: AuthService) -> None:
    await fail(service, 5, "nobody@example.com")
    assert await outcome(service, PASSWORD) == "in"


async def test_capitals_make_no_other_address(service: AuthService) -> None:
    await fail(service, 5, "ADA@Example.com")
    assert (await outcome(service, PASSWORD)).startswith("locked")


async def test_a_success_forgets(service: AuthService) -> None:
    await fail(service, 4)
    assert await outcome(service, PASSWORD) == "in"
    await fail(service, 4)
    assert await outcome(service, PASSWORD) == "in"


async def test_the_lock_ends_to_the_second_and_what_was_counted_is_forgotten(
    service: AuthService, clock: Clock
) -> None:
    await fail(service, 5)
    clock.advance(LOCK - 0.25)
    assert await outcome(service, PASSWORD) == "locked for 1"
    clock.advance(0.25)
    await fail(service, 4)
    assert await outcome(service, PASSWORD) == "in"


async def test_what_fails_while_it_is_locked_does_not_draw_it_out(service: AuthService, clock: Clock) -> None:
    await fail(service, 5)
    clock.advance(LOCK - 1)
    assert await outcome(service, "wrong") == "locked for 1"
    clock.advance(1)
    assert await outcome(service, PASSWORD) == "in"


@pytest.mark.parametrize(("seconds", "result"), [(LOCK, f"locked for {LOCK}"), (LOCK + 1, "in")])
async def test_failures_older_than_the_lock_is_long_do_not_count(
    service: AuthService, clock: Clock, seconds: int, result: str
) -> None:
    await fail(service, 4)
    clock.advance(seconds)
    await fail(service, 1)
    assert await outcome(service, PASSWORD) == result


async def test_failures_at_once_all_count_and_no_more_than_five_are_told(service: AuthService) -> None:
    told = await asyncio.gather(*(outcome(service, "wrong") for _ in range(12)))
    assert sorted(told) == [f"locked for {LOCK}"] * 7 + ["wrong"] * 5


async def test_the_right_password_is_not_told_to_who_guesses_too_much_at_once(service: AuthService) -> None:
    guesses = [outcome(service, "wrong") for _ in range(5)]
    told = await asyncio.gather(*guesses, outcome(service, PASSWORD))
    assert sorted(told[:5]) == ["wrong"] * 5
    assert told[5] in {"in", f"locked for {LOCK}"}


async def test_a_password_changed_meanwhile_does_not_log_in(service: AuthService, database: Database) -> None:
    """Between the verification and the session: the change would have ended a session that was there before it."""
    tokens = await service.login(LoginRequest(email=EMAIL, password=PASSWORD), user_agent=None)
    identity = await service.identity_of(tokens.access_token)
    async with database.write() as session:
        with pytest.raises(InvalidCredentialsError):
            await service._accept(session, identity.user, "hash of another")  # noqa: SLF001  # the moment is too short


async def test_a_wrong_current_password_counts_as_a_failed_login(service: AuthService) -> None:
    tokens = await service.login(LoginRequest(email=EMAIL, password=PASSWORD), user_agent=None)
    identity = await service.identity_of(tokens.access_token)
    wrong = ChangePasswordRequest(current_password="wrong", new_password="another one")
    for _ in range(5):
        with pytest.raises(WrongPasswordError):
            await service.change_password(identity, wrong)
    right = ChangePasswordRequest(current_password=PASSWORD, new_password="another one")
    with pytest.raises(LockedError):
        await service.change_password(identity, right)
    assert (await outcome(service, PASSWORD)).startswith("locked")


async def test_old_rows_go_a_hundred_at_a_time(service: AuthService, database: Database, clock: Clock) -> None:
    async with database.write() as session:
        for number in range(150):
            await Lockout(session, lock=timedelta(seconds=LOCK), now=clock()).count(f"{number}@example.com")
    clock.advance(24 * 3600 + 1)
    await fail(service, 1)
    assert len(await stored(database)) == 51
    await fail(service, 1)
    assert await stored(database) == [email_hash(EMAIL)]


async def stored(database: Database) -> list[str]:
    async with database.read() as session:
        return list(await session.scalars(select(LoginFailures.email_hash)))


@pytest.mark.parametrize(("left", "seconds"), [(0.000001, 1), (1, 1), (1.000001, 2), (900, 900)])
async def test_seconds_are_rounded_up(left: float, seconds: int) -> None:
    assert whole_seconds(timedelta(seconds=left)) == seconds
