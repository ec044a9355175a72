"""Five failed logins in a row lock an address: on both sides, whether somebody has it or not."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.migration.people import AUTH, PASSWORD, log_in, sign_up, until
from tests.migration.tables import change, insert, rows

LOCK_SECONDS = 900
LOCKED = {"detail": "Too many failed logins; try again later"}
FAILURES = "login_failures"


def email_hash(email):
    return hashlib.sha256(email.lower().encode()).hexdigest()


def fail(backend, email, times):
    for _ in range(times):
        answer = log_in(backend, email, "wrong")
        assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid email or password"})


def assert_locked(answer, seconds=LOCK_SECONDS):
    assert (answer.status_code, answer.json()) == (429, LOCKED)
    assert answer.headers["retry-after"].isdecimal()
    assert 1 <= int(answer.headers["retry-after"]) <= seconds


def test_the_fifth_failure_locks_the_address_for_the_right_password_too(backend, user):
    fail(backend, user.email, 5)
    answer = log_in(backend, user.email)
    assert_locked(answer)
    assert int(answer.headers["retry-after"]) > LOCK_SECONDS - 60
    assert "www-authenticate" not in answer.headers


def test_four_failures_lock_nothing(backend, user):
    fail(backend, user.email, 4)
    assert log_in(backend, user.email).status_code == 200


def test_an_address_nobody_has_is_locked_alike(backend, email, user):
    nobody = f"nobody.{email}"
    answers = [[log_in(backend, address, "wrong") for _ in range(7)] for address in (nobody, user.email)]
    unknown, known = ([(answer.status_code, answer.content) for answer in each] for each in answers)
    assert unknown == known
    assert [status for status, _ in unknown] == [401] * 5 + [429] * 2
    assert all(set(ours.headers) == set(theirs.headers) for ours, theirs in zip(*answers, strict=True))


def test_failures_on_one_side_count_on_the_other(crossing, user):
    first, second = crossing
    fail(first, user.email, 3)
    fail(second, user.email, 2)
    assert_locked(log_in(first, user.email))
    assert_locked(log_in(second, user.email))


def test_the_case_of_an_address_does_not_matter(backend, user):
    fail(backend, user.email.upper(), 3)
    fail(backend, user.email, 2)
    assert_locked(log_in(backend, user.email.title()))


def test_a_success_forgets_the_failures(pair, user, database_url):
    first, second = pair
    fail(first, user.email, 4)
    assert log_in(second, user.email).status_code == 200
    assert rows(database_url, FAILURES, email_hash=email_hash(user.email)) == []
    fail(first, user.email, 4)
    assert log_in(second, user.email).status_code == 200


def test_a_lock_on_one_address_is_none_on_another(backend, user, stranger):
    fail(backend, user.email, 5)
    assert log_in(backend, stranger.email).status_code == 200


def test_who_is_signed_in_stays_so_while_the_address_is_locked(backend, user):
    fail(backend, user.email, 5)
    assert user.get(backend, f"{AUTH}/me").status_code == 200
    assert backend.client.post(f"{AUTH}/refresh", json={"refresh_token": user.refresh_token}).status_code == 200


def test_only_a_hash_of_the_address_is_stored(backend, email, database_url):
    before = datetime.now(UTC)
    fail(backend, email.upper(), 5)
    (row,) = rows(database_url, FAILURES, email_hash=email_hash(email))
    assert row["failures"] == 5
    locked_until = row["locked_until"].replace(tzinfo=row["locked_until"].tzinfo or UTC)
    assert locked_until - before >= timedelta(seconds=LOCK_SECONDS)
    assert email not in str(row)


def test_refused_attempts_do_not_make_a_lock_longer(backend, email, database_url):
    fail(backend, email, 5)
    (locked,) = rows(database_url, FAILURES, email_hash=email_hash(email))
    assert_locked(log_in(backend, email, "wrong"))
    (still,) = rows(database_url, FAILURES, email_hash=email_hash(email))
    assert still["locked_until"] == locked["locked_until"]


def test_concurrent_failures_on_both_sides_all_count(sides, user):
    def attempt(number):
        return log_in(sides[("legacy", "new")[number % 2]], user.email, "wrong").status_code

    with ThreadPoolExecutor(5) as threads:
        assert list(threads.map(attempt, range(5))) == [401] * 5
    assert_locked(log_in(sides["legacy"], user.email))
    assert_locked(log_in(sides["new"], user.email))


def test_the_first_failures_of_an_address_may_come_at_once(sides, email, database_url):
    """Two transactions that both find no row yet: neither may fail, and neither may be lost."""
    nobody = [f"{number}.{email}" for number in range(6)]

    def attempt(job):
        address, side = job
        return log_in(sides[side], address, "wrong").status_code

    with ThreadPoolExecutor(12) as threads:
        statuses = list(threads.map(attempt, [(address, side) for address in nobody for side in sides]))
    assert statuses == [401] * 12
    counted = [rows(database_url, FAILURES, email_hash=email_hash(address))[0]["failures"] for address in nobody]
    assert counted == [2] * 6


def test_retry_after_is_rounded_up(backend, email, database_url):
    at, until_then = datetime.now(UTC), datetime.now(UTC) + timedelta(seconds=100)
    row = {"email_hash": email_hash(email), "failures": 5, "last_failed_at": at, "locked_until": until_then}
    insert(database_url, FAILURES, row)
    answer = log_in(backend, email)
    assert_locked(answer)
    assert 90 < int(answer.headers["retry-after"]) <= 100


def test_a_lock_that_has_run_out_forgets_the_failures(backend, user, database_url):
    fail(backend, user.email, 5)
    past = datetime.now(UTC) - timedelta(milliseconds=1)
    assert change(database_url, FAILURES, {"locked_until": past}, email_hash=email_hash(user.email)) == 1
    fail(backend, user.email, 4)
    assert log_in(backend, user.email).status_code == 200


def test_failures_older_than_the_lock_no_longer_count(backend, user, database_url):
    fail(backend, user.email, 4)
    long_ago = datetime.now(UTC) - timedelta(seconds=LOCK_SECONDS + 1)
    assert change(database_url, FAILURES, {"last_failed_at": long_ago}, email_hash=email_hash(user.email)) == 1
    fail(backend, user.email, 4)
    assert log_in(backend, user.email).status_code == 200


def test_rows_of_yesterday_are_removed_with_new_failures(backend, email, database_url):
    old, recent = email_hash(f"old.{email}"), email_hash(f"recent.{email}")
    for key, hours in ((old, 25), (recent, 23)):
        at = datetime.now(UTC) - timedelta(hours=hours)
        insert(database_url, FAILURES, {"email_hash": key, "failures": 1, "last_failed_at": at})

    def gone():
        fail(backend, f"{datetime.now(UTC).timestamp()}.{email}", 1)
        return rows(database_url, FAILURES, email_hash=old) == []

    until(gone, what="the removal of an old row")
    assert len(rows(database_url, FAILURES, email_hash=recent)) == 1


def test_a_short_lock_ends_by_itself(side, sqlite_url, start):
    backend = start(side, sqlite_url, LOGIN_LOCK_SECONDS="4")
    user = sign_up(backend, "ada@example.com")
    fail(backend, user.email, 5)
    answer = log_in(backend, user.email)
    assert_locked(answer, seconds=4)
    until(lambda: log_in(backend, user.email).status_code == 200, what="the end of the lock", seconds=10)


@pytest.mark.parametrize("path", ["password", "login"])
def test_the_answer_to_a_locked_one_says_nothing_about_the_password(backend, user, path):
    fail(backend, user.email, 5)
    if path == "login":
        right, wrong = (log_in(backend, user.email, password) for password in (PASSWORD, "wrong"))
    else:
        right, wrong = (
            user.post(backend, f"{AUTH}/password", {"current_password": password, "new_password": "another one"})
            for password in (PASSWORD, "wrong")
        )
    assert_locked(right)
    assert_locked(wrong)
    assert set(right.headers) == set(wrong.headers)


def test_a_body_that_does_not_fit_is_no_failure(backend, user):
    for _ in range(6):
        assert backend.client.post(f"{AUTH}/login", json={"email": user.email}).status_code == 422
    assert log_in(backend, user.email).status_code == 200
