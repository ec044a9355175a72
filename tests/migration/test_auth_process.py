"""The processes: how they start, what they refuse, how they stop."""

import ast
import json
import select
import shutil
import signal
import socket
import sqlite3
import statistics
import time

import httpx
import pytest

from bench.ports import free_port
from tests.migration.backends import ROOT, SIDES, environment, run_module, running
from tests.migration.refusals import refusal

ORIGIN = "https://app.example.com"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_at_once_with_exit_0(side, number, sqlite_url, tmp_path):
    with running(side, sqlite_url, tmp_path / "log", ENVIRONMENT="production") as backend:
        backend.client.get("/api/v1/auth/config%0aforged")  # the connection stays open, idle
        started = time.monotonic()
        assert backend.stop(number) == 0
        assert time.monotonic() - started < 4
        lines = [json.loads(line) for line in backend.log.read_text().splitlines()]
    assert lines[-1]["path"] == "/api/v1/auth/config%0aforged"
    assert {"side", "method", "status", "duration_ms", "timestamp", "level"} <= set(lines[-1])


def test_a_taken_port_is_one_line(side, sqlite_url):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = run_module(f"{side}_backend", "--port", port, env=environment(sqlite_url))
    line = f"{side} backend: cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --port\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_what_must_not_start_says_everything_in_one_line(side, sqlite_url):
    faulty = environment(sqlite_url, JWT_SECRET="", CORS_ORIGINS="*", ARGON2_MEMORY_KIB="1")
    done = run_module(f"{side}_backend", env=faulty)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith(f"{side} backend: ")
    assert all(name in done.stderr for name in ("JWT_SECRET", "CORS_ORIGINS", "ARGON2_MEMORY_KIB"))


def test_a_database_that_is_away_is_one_line_as_well(side):
    done = run_module(
        f"{side}_backend",
        "--port",
        str(free_port()),
        env=environment("postgresql://app:hunter2@127.0.0.1:1/app"),
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "cannot open the database postgresql+asyncpg://app:***@127.0.0.1:1/app: " in done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("JWT_SECRET", "", "JWT_SECRET is missing"),
        ("JWT_SECRET", "short", "too short"),
        ("CORS_ORIGINS", "https://*.example.com", "is a pattern, and patterns do not work"),
        ("CORS_ORIGINS", "*", "is a pattern"),
        ("CORS_ORIGINS", f"{ORIGIN},https://b.example.com/", "is not an origin"),
        ("ENVIRONMENT", "prod", "ENVIRONMENT"),
        ("ARGON2_TIME_COST", "fast", "ARGON2_TIME_COST"),
        ("ARGON2_MEMORY_KIB", "-1", "ARGON2_MEMORY_KIB"),
        ("DATABASE_URL", "mysql://root:hunter2@db/app", "mysql is not supported"),
        ("DATABASE_URL", "sqlite://", "in memory"),
        ("DATABASE_URL", "nonsense", "not a URL"),
        ("DATABASE_URL", "sqlite:///./no/such.db", "python -m migrations"),
        ("DATABASE_URL", "postgresql://127.0.0.1/app?gssencmode=disable", "gssencmode is not supported"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_at_start(side, sqlite_url, variable, value, words):
    refused = refusal(side, environment(sqlite_url, **{variable: value}))
    assert words in refused
    assert "\n" not in refused
    assert "hunter2" not in refused


def test_a_database_without_tables_is_refused(side, tmp_path):
    (tmp_path / "empty.db").touch()
    env = environment(f"sqlite:///{tmp_path}/empty.db")
    assert "has no tables yet; run: python -m migrations" in refusal(side, env)


def test_cors_is_off_by_default_and_exact_when_on(sqlite_url, tmp_path):
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answers = {}
    for side in SIDES:
        with running(side, sqlite_url, tmp_path / side, CORS_ORIGINS=f"{ORIGIN}, http://localhost:3000") as backend:
            answers[side] = [
                backend.client.request(method, path, headers={"Origin": origin, **(preflight if preflighted else {})})
                for origin in (ORIGIN, "https://evil.example.com", "https://app.example.com.evil.example")
                for method, path, preflighted in (
                    ("OPTIONS", "/api/v1/auth/login", True),
                    ("GET", "/api/v1/auth/config", False),
                    ("GET", "/api/v1/auth/me", False),
                )
            ]
    for legacy, new in zip(answers["legacy"], answers["new"], strict=True):
        assert (legacy.status_code, legacy.content) == (new.status_code, new.content)
        ours, theirs = (
            {name: value for name, value in answer.headers.items() if name not in {"date", "x-served-by"}}
            for answer in (legacy, new)
        )
        assert ours == theirs
    allowed = [answer.headers.get("access-control-allow-origin") for answer in answers["new"]]
    assert allowed == [ORIGIN] * 3 + [None] * 6


@pytest.fixture(scope="module", params=SIDES)
def careful(request, migrated_file, tmp_path_factory):
    """A side whose hashing takes long enough to be seen: at least as long as in production."""
    folder = tmp_path_factory.mktemp("careful")
    url = f"sqlite:///{shutil.copy(migrated_file, folder / 'app.db')}"
    cost = {"ARGON2_TIME_COST": "6", "ARGON2_MEMORY_KIB": "65536"}
    with running(request.param, url, folder / "log", **cost) as backend:
        yield backend


def test_an_unknown_email_takes_as_long_as_a_wrong_password(careful):
    """Without the dummy hash the one takes a millisecond, the other a hundred."""
    known = {"email": "known@example.com", "password": "correct horse"}
    assert careful.client.post("/api/v1/auth/register", json=known).status_code == 201
    wrong_password = seconds_to_refuse(careful, known["email"])
    wrong_email = seconds_to_refuse(careful, "nobody@example.com")
    assert wrong_email > wrong_password / 3, f"{wrong_email=} {wrong_password=}"


def seconds_to_refuse(backend, email, times=3):
    measured = []
    for _ in range(times):
        started = time.perf_counter()
        answer = backend.client.post("/api/v1/auth/login", json={"email": email, "password": "wrong"})
        measured.append(time.perf_counter() - started)
        assert answer.status_code == 401
    return statistics.median(measured)


def test_the_event_loop_goes_on_while_passwords_are_hashed(careful):
    url = httpx.URL(careful.url)
    with socket.create_connection((url.host, url.port), timeout=20) as hashing:
        body = b'{"email": "nobody@example.com", "password": "wrong"}'
        head = f"POST /api/v1/auth/login HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n\r\n"
        hashing.sendall(head.encode() + body)
        careful.client.get("/healthz")  # a blocked loop would answer the login first
        careful.client.get("/healthz")
        assert select.select([hashing], [], [], 0)[0] == []
        assert hashing.recv(4096).startswith(b"HTTP/1.1 401")


def test_a_database_that_goes_away_is_answered_503(side, sqlite_url, tmp_path):
    with running(side, sqlite_url, tmp_path / "log") as backend:
        with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
            database.execute("DROP TABLE users")
        database.close()
        answer = backend.client.post("/api/v1/auth/login", json={"email": "a@example.com", "password": "wrong"})
        assert (answer.status_code, answer.json()) == (503, {"detail": "Service Unavailable"})
        assert "a@example.com" not in backend.log.read_text()


def test_a_fault_of_ours_is_a_500_whose_traceback_holds_no_values(side, sqlite_url, tmp_path):
    user = {"email": "a@example.com", "password": "correct horse"}
    with running(side, sqlite_url, tmp_path / "log") as backend:
        assert backend.client.post("/api/v1/auth/register", json=user).status_code == 201
        with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
            database.execute("CREATE TRIGGER t BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'broken'); END")
        database.close()
        answer = backend.client.post("/api/v1/auth/login", json=user, headers={"User-Agent": "a-value"})
        assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
        log = backend.log.read_text()
    assert "IntegrityError" in log
    for value in ("a-value", user["email"], user["password"]):
        assert value not in log


def test_neither_backend_imports_the_other_or_the_gateway_or_the_migrations():
    for package, forbidden in (
        ("legacy_backend", {"new_backend", "gateway", "migrations"}),
        ("new_backend", {"legacy_backend", "gateway", "migrations"}),
        ("migrations", {"legacy_backend", "new_backend", "gateway"}),
    ):
        files = list((ROOT / package).rglob("*.py"))
        assert files
        for file in files:
            for node in ast.walk(ast.parse(file.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not {name.partition(".")[0] for name in names} & forbidden, file


def test_importing_an_application_opens_nothing(side, tmp_path):
    code = {"legacy": "legacy_backend.main", "new": "new_backend.app"}[side]
    done = run_module(code, env=environment(f"sqlite:///{tmp_path}/not-there.db"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "not-there.db").exists()
