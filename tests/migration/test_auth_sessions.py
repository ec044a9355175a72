"""Where a user is signed in, how that ends, and what a change of the password does to it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from tests.migration.backends import SECRET
from tests.migration.people import AUTH, PASSWORD, log_in, sign_in
from tests.migration.tables import change, insert

SESSIONS = f"{AUTH}/sessions"
NEW_PASSWORD = "battery staple"


def session_id(user):
    return jwt.decode(user.access_token, SECRET, algorithms=["HS256"], options={"verify_iss": False})["sid"]


def user_id(user):
    return jwt.decode(user.access_token, SECRET, algorithms=["HS256"], options={"verify_iss": False})["sub"]


def listed(user, backend):
    answer = user.get(backend, SESSIONS)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()["sessions"]


def refreshed(backend, user):
    return backend.client.post(f"{AUTH}/refresh", json={"refresh_token": user.refresh_token})


def change_password(user, backend, current=PASSWORD, new=NEW_PASSWORD):
    return user.post(backend, f"{AUTH}/password", {"current_password": current, "new_password": new})


def test_sessions_are_listed_newest_first_and_the_one_that_asks_is_told(pair, user):
    first, second = pair
    phone = sign_in(first, user.email, **{"User-Agent": "phone/1"})
    laptop = sign_in(second, user.email, **{"User-Agent": "laptop/2"})
    sessions = listed(phone, second)
    assert [session["id"] for session in sessions] == [session_id(each) for each in (laptop, phone, user)]
    assert [session["current"] for session in sessions] == [False, True, False]
    assert [session["user_agent"] for session in sessions[:2]] == ["laptop/2", "phone/1"]
    assert all(set(each) == {"id", "user_agent", "created_at", "last_used_at", "current"} for each in sessions)


def test_a_refresh_is_a_use(pair, user):
    first, second = pair
    (before,) = listed(user, first)
    assert refreshed(second, user).status_code == 200
    (after,) = listed(user, first)
    assert after["last_used_at"] > before["last_used_at"]
    assert after["created_at"] == before["created_at"]


def test_sessions_that_nobody_can_use_any_more_are_not_listed(backend, user, database_url):
    other = sign_in(backend, user.email)
    long_ago = datetime.now(UTC) - timedelta(days=30, seconds=1)
    assert change(database_url, "sessions", {"last_used_at": long_ago}, id=session_id(other)) == 1
    assert [session["id"] for session in listed(user, backend)] == [session_id(user)]


def test_at_most_a_hundred_sessions_are_listed(backend, user, database_url):
    at = datetime.now(UTC) + timedelta(seconds=1)
    more = {"user_id": user_id(user), "created_at": at, "last_used_at": at}
    insert(database_url, "sessions", *({"id": str(uuid4()), **more} for _ in range(101)))
    sessions = listed(user, backend)
    assert len(sessions) == 100
    ids = [session["id"] for session in sessions]
    assert ids == sorted(ids), "of one moment, they are ordered by their ids"


def test_a_revoked_session_is_over_at_once_on_both_sides(pair, user):
    first, second = pair
    other = sign_in(first, user.email)
    answer = user.delete(second, f"{SESSIONS}/{session_id(other)}")
    assert (answer.status_code, answer.content) == (204, b"")
    for backend in pair:
        assert other.get(backend, f"{AUTH}/me").status_code == 401
        assert refreshed(backend, other).status_code == 401
    assert [session["id"] for session in listed(user, first)] == [session_id(user)]


def test_the_session_that_asks_may_revoke_itself(backend, user):
    assert user.delete(backend, f"{SESSIONS}/{session_id(user)}").status_code == 204
    assert user.get(backend, SESSIONS).status_code == 401


def test_a_session_is_revoked_once(backend, user):
    other = sign_in(backend, user.email)
    assert user.delete(backend, f"{SESSIONS}/{session_id(other)}").status_code == 204
    again = user.delete(backend, f"{SESSIONS}/{session_id(other)}")
    assert (again.status_code, again.json()) == (404, {"detail": "Session not found"})


def test_somebody_elses_session_does_not_exist(backend, user, stranger):
    answer = user.delete(backend, f"{SESSIONS}/{session_id(stranger)}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Session not found"})
    assert stranger.get(backend, f"{AUTH}/me").status_code == 200


@pytest.mark.parametrize("number", ["nothing", "0", "%00", "00000000-0000-0000-0000-000000000000", "x" * 300])
def test_an_id_that_is_none_is_no_session(backend, user, number):
    answer = user.delete(backend, f"{SESSIONS}/{number}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Session not found"})


def test_an_id_in_capitals_is_no_session(backend, user):
    other = session_id(sign_in(backend, user.email))
    assert user.delete(backend, f"{SESSIONS}/{other.upper()}").status_code == 404 or not any(map(str.isalpha, other))
    assert user.delete(backend, f"{SESSIONS}/{other}").status_code == 204


def test_a_changed_password_is_the_one_that_counts_on_both_sides(pair, user):
    first, second = pair
    answer = change_password(user, first)
    assert (answer.status_code, answer.content) == (204, b"")
    assert log_in(second, user.email).status_code == 401
    assert log_in(second, user.email, NEW_PASSWORD).status_code == 200


def test_a_changed_password_ends_all_other_sessions(pair, user):
    first, second = pair
    others = [sign_in(backend, user.email) for backend in pair]
    assert change_password(user, first).status_code == 204
    for other in others:
        assert other.get(second, f"{AUTH}/me").status_code == 401
        assert refreshed(second, other).status_code == 401
    assert user.get(second, f"{AUTH}/me").status_code == 200
    assert refreshed(second, user).status_code == 200


def test_a_wrong_current_password_changes_nothing(backend, user):
    other = sign_in(backend, user.email)
    answer = change_password(user, backend, current="wrong")
    assert (answer.status_code, answer.json()) == (403, {"detail": "Current password is wrong"})
    assert other.get(backend, f"{AUTH}/me").status_code == 200
    assert log_in(backend, user.email).status_code == 200


def test_wrong_current_passwords_count_as_failed_logins(crossing, user):
    first, second = crossing
    for _ in range(3):
        assert change_password(user, first, current="wrong").status_code == 403
    for _ in range(2):
        assert log_in(second, user.email, "wrong").status_code == 401
    for answer in (change_password(user, second), log_in(first, user.email)):
        assert (answer.status_code, answer.json()) == (429, {"detail": "Too many failed logins; try again later"})
        assert 1 <= int(answer.headers["retry-after"]) <= 900


def test_the_fifth_wrong_current_password_is_still_403(backend, user):
    statuses = [change_password(user, backend, current="wrong").status_code for _ in range(6)]
    assert statuses == [403] * 5 + [429]


def test_a_changed_password_forgets_failures(backend, user):
    for _ in range(4):
        assert log_in(backend, user.email, "wrong").status_code == 401
    assert change_password(user, backend).status_code == 204
    for _ in range(4):
        assert log_in(backend, user.email, "wrong").status_code == 401
    assert log_in(backend, user.email, NEW_PASSWORD).status_code == 200


def test_a_new_password_that_is_too_short_is_named(backend, user):
    answer = change_password(user, backend, new="short")
    assert answer.status_code == 422
    assert [fault["loc"] for fault in answer.json()["detail"]] == [["body", "new_password"]]
    assert "short" not in answer.json()["detail"][0]["msg"]
    assert log_in(backend, user.email).status_code == 200


def test_who_is_not_signed_in_is_told_so_before_the_body_is_looked_at(backend):
    answer = backend.client.post(f"{AUTH}/password", content=b"{")
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
    assert answer.headers["www-authenticate"] == "Bearer"
