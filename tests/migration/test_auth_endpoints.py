"""What each side answers; one suite over both, on both databases."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import jwt
import pytest

from tests.migration.backends import SECRET

AUTH = "/api/v1/auth"
PASSWORD = "correct horse"


def register(backend, email, **more):
    return backend.client.post(f"{AUTH}/register", json={"email": email, "password": PASSWORD, **more})


def login(backend, email, password=PASSWORD):
    return backend.client.post(f"{AUTH}/login", json={"email": email, "password": password})


def refresh(backend, token):
    return backend.client.post(f"{AUTH}/refresh", json={"refresh_token": token})


def logout(backend, token):
    return backend.client.post(f"{AUTH}/logout", json={"refresh_token": token})


def me(backend, token):
    return backend.client.get(f"{AUTH}/me", headers={"Authorization": f"Bearer {token}"})


def signed_in(backend, email):
    assert register(backend, email).status_code == 201
    answer = login(backend, email)
    assert answer.status_code == 200, answer.text
    return answer.json()


def bare(answer):
    """All that must be the same on both sides."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"date", "x-served-by"}}
    return answer.status_code, headers, answer.content


def test_says_which_side_it_is(backend):
    answer = backend.client.get("/healthz")
    assert answer.json() == {"status": "ok", "side": backend.side}
    assert answer.headers.get_list("x-served-by") == [backend.side]


def test_a_registered_user_is_shown_without_the_password(backend, email):
    answer = register(backend, email.upper(), name="Zoë")
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"id", "email", "name", "created_at"}
    assert (body["email"], body["name"]) == (email, "Zoë")
    assert answer.headers["cache-control"] == "no-store"


def test_an_address_registers_once_whatever_its_case(pair, email):
    first, second = pair
    assert register(first, email).status_code == 201
    answer = register(second, email.upper())
    assert (answer.status_code, answer.json()) == (409, {"detail": "Email already registered"})


def test_login_gives_a_bearer_token_for_the_user(backend, email):
    user = register(backend, email).json()
    tokens = login(backend, email).json()
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 900)
    assert me(backend, tokens["access_token"]).json() == user


def test_a_wrong_email_and_a_wrong_password_are_told_alike(backend, email):
    register(backend, email)
    wrong_password, wrong_email = login(backend, email, "wrong"), login(backend, f"no.{email}", "wrong")
    assert bare(wrong_password) == bare(wrong_email)
    assert (wrong_email.status_code, wrong_email.json()) == (401, {"detail": "Invalid email or password"})


def test_a_session_crosses_over(pair, email):
    first, second = pair
    user = register(first, email).json()
    tokens = login(first, email).json()
    assert me(second, tokens["access_token"]).json() == user
    assert login(second, email).status_code == 200
    renewed = refresh(second, tokens["refresh_token"])
    assert renewed.status_code == 200
    assert me(first, renewed.json()["access_token"]).json() == user
    assert refresh(first, renewed.json()["refresh_token"]).status_code == 200


def test_a_refresh_token_used_twice_revokes_its_whole_session(pair, email):
    first, second = pair
    stolen = signed_in(first, email)
    renewed = refresh(second, stolen["refresh_token"]).json()
    other = login(first, email).json()
    again = refresh(first, stolen["refresh_token"])
    assert (again.status_code, again.json()) == (401, {"detail": "Invalid refresh token"})
    assert refresh(second, renewed["refresh_token"]).status_code == 401
    assert me(second, renewed["access_token"]).status_code == 401
    assert refresh(second, other["refresh_token"]).status_code == 200, "another login is another session"


def test_logout_holds_on_both_sides_and_may_be_repeated(pair, email):
    first, second = pair
    tokens = signed_in(first, email)
    answer = logout(second, tokens["refresh_token"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert me(first, tokens["access_token"]).status_code == 401
    assert refresh(first, tokens["refresh_token"]).status_code == 401
    assert logout(first, tokens["refresh_token"]).status_code == 204
    assert logout(first, "never-was-one").status_code == 204


@pytest.mark.parametrize("value", [b"", b"Bearer", b"Basic YTpi", b"Bearer nonsense", b"Bearer a.b.c", b"Bearer \xe9"])
def test_a_token_that_is_none_is_refused(backend, value):
    answer = backend.client.get(f"{AUTH}/me", headers={b"Authorization": value})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "change",
    [
        {"exp": 1_000_000_000},
        {"typ": "refresh"},
        {"iss": "somebody else"},
        {"sid": 7},
        {"sid": "00000000-0000-0000-0000-000000000000"},
        {"sub": "00000000-0000-0000-0000-000000000000"},
    ],
    ids="-".join,
)
def test_a_signed_token_with_one_wrong_claim_is_refused(backend, email, change):
    token = signed_in(backend, email)["access_token"]
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_iss": False})
    assert me(backend, jwt.encode(claims, SECRET)).status_code == 200
    assert me(backend, jwt.encode({**claims, **change}, SECRET)).status_code == 401


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_a_token_signed_otherwise_is_refused(backend, email):
    token = signed_in(backend, email)["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    for forged in (
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode(claims, SECRET + "!"),
        jwt.encode(claims, SECRET, algorithm="HS512"),
    ):
        assert me(backend, forged).status_code == 401


BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe",
    b"{}",
    b'{"email": "no", "password": "long enough"}',
    b'{"email": "a b@example.com", "password": "long enough"}',
    b'{"email": "a\\u0000@example.com", "password": "long enough"}',
    b'{"email": "\\ud800@example.com", "password": "long enough"}',
    b'{"email": "a@b", "password": 7}',
    b'{"email": "' + b"a" * 260 + b'@example.com", "password": "long enough"}',
    b'{"email": "a@example.com", "password": "short", "name": ["x"]}',
    b'{"email": "b@example.com", "password": "long enough", "name": "a\\u0000b"}',
    b'{"email": "c@example.com", "password": "long enough", "name": "' + b"x" * 201 + b'"}',  # no address too often
    b'{"refresh_token": ""}',
    b'{"refresh_token": null}',
    b"[" * 5000,
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_that_does_not_fit_is_answered_422_alike_on_both_sides(sides, body):
    for path in ("register", "login", "refresh", "logout"):
        legacy, new = (sides[side].client.post(f"{AUTH}/{path}", content=body) for side in ("legacy", "new"))
        assert bare(legacy) == bare(new)
        assert legacy.status_code == 422 or path == "login", legacy.text
        if legacy.status_code == 422:
            assert all(set(fault) == {"loc", "msg", "type"} for fault in legacy.json()["detail"])
            assert all(fault["loc"][0] == "body" for fault in legacy.json()["detail"])


def test_a_fault_names_its_field_and_never_repeats_the_input(backend):
    answer = backend.client.post(f"{AUTH}/register", json={"email": "no", "password": "hunter2"})
    assert [fault["loc"] for fault in answer.json()["detail"]] == [["body", "email"], ["body", "password"]]
    assert "hunter2" not in answer.text


REQUESTS = [
    ("GET", f"{AUTH}/config"),
    ("HEAD", f"{AUTH}/config"),
    ("POST", f"{AUTH}/config"),
    ("DELETE", f"{AUTH}/config"),
    ("GET", f"{AUTH}/login"),
    ("OPTIONS", f"{AUTH}/login"),
    ("GET", f"{AUTH}/me"),
    ("POST", f"{AUTH}/login/"),
    ("GET", f"{AUTH}/nothing"),
    ("GET", "/"),
    ("GET", "/%2e%2e/etc"),
    ("PUT", "/api/v2"),
]


@pytest.mark.parametrize(("method", "path"), REQUESTS, ids=lambda value: value)
def test_everything_else_is_answered_alike_on_both_sides(sides, method, path):
    legacy, new = (sides[side].client.request(method, path) for side in ("legacy", "new"))
    assert bare(legacy) == bare(new)
    assert legacy.headers["x-served-by"] == "legacy"
    assert new.headers["x-served-by"] == "new"


def test_the_words_of_404_and_405(backend):
    missing = backend.client.get(f"{AUTH}/nothing")
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not Found"})
    wrong = backend.client.put(f"{AUTH}/config")
    assert (wrong.status_code, wrong.json()) == (405, {"detail": "Method Not Allowed"})
    assert wrong.headers["allow"] == "GET, HEAD"


def test_config_is_the_cheap_endpoint(backend):
    answer = backend.client.get(f"{AUTH}/config")
    assert answer.json() == {"password_min_length": 8, "access_token_seconds": 900}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused_before_it_is_kept(backend, chunked):
    content = b"x" * 70_000
    answer = backend.client.post(f"{AUTH}/login", content=iter([content]) if chunked else content)
    assert (answer.status_code, answer.json()) == (413, {"detail": "Request body too large"})


def test_concurrent_writers_on_both_sides_all_succeed(sides, email):
    """The mix that a deferred BEGIN fails: reads that turn into writes, from two processes at once."""

    def live(number):
        backend = sides[("legacy", "new")[number % 2]]
        tokens = signed_in(backend, f"{number}.{email}")
        for _ in range(3):
            answer = refresh(backend, tokens["refresh_token"])
            assert answer.status_code == 200, answer.text
            tokens = answer.json()
        return me(backend, tokens["access_token"]).status_code

    with ThreadPoolExecutor(24) as threads:
        assert list(threads.map(live, range(48))) == [200] * 48


def test_of_concurrent_registrations_of_one_address_one_wins(sides, email):
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda n: register(sides[("legacy", "new")[n % 2]], email).status_code, range(12)))
    assert sorted(answers) == [201] + [409] * 11


def test_of_concurrent_uses_of_one_refresh_token_at_most_one_wins(sides, email):
    token = signed_in(sides["legacy"], email)["refresh_token"]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda n: refresh(sides[("legacy", "new")[n % 2]], token), range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 11
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert refresh(sides["new"], winner.json()["refresh_token"]).status_code == 401, "the family is revoked"


def test_the_log_has_a_line_for_each_request_and_no_secrets(backend, email):
    tokens = signed_in(backend, email)
    refresh(backend, tokens["refresh_token"])
    backend.client.get(f"{AUTH}/me?token=query-secret", headers={"X-Request-Id": f"id-{email.partition('@')[0]}"})
    log = logged(backend, f"request_id=id-{email.partition('@')[0]} ")
    for secret in (PASSWORD, "query-secret", tokens["access_token"], tokens["refresh_token"], email):
        assert secret not in log


def test_the_servers_own_400_says_who_answered(backend):
    host, port = httpx.URL(backend.url).host, httpx.URL(backend.url).port
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(b"NONSENSE\r\n\r\n")
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 400")
    assert f"x-served-by: {backend.side}".encode() in answer


def logged(backend, words):
    """The log, once the words are in it: a request's line is written just after its answer was sent."""
    deadline = time.monotonic() + 10
    while words not in backend.log.read_text():
        assert time.monotonic() < deadline, backend.log.read_text()
        time.sleep(0.01)  # a poll of a condition, with a deadline
    return backend.log.read_text()


def test_without_origins_no_cors_header_is_sent(backend):
    answer = backend.client.get(f"{AUTH}/config", headers={"Origin": "https://app.example.com"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
