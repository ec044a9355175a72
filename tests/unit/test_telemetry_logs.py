"""Logs: JSON in production, readable at a terminal, one line an event whatever clients send, and no secrets."""

import io
import logging

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.schema import Log
from gateway.model import BasisPoints, Reason, Side
from gateway.telemetry import logs
from gateway.telemetry.logs import RequestLine, feature_changed, is_logged, request_line

SECRET = "hunter2-hunter2"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def _logging_restored():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    access = logging.getLogger("uvicorn.access")
    yield
    structlog.reset_defaults()
    root.handlers[:], access.disabled = handlers, False
    root.setLevel(level)
    for name in ("httpx", "httpcore", "hpack", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


class Terminal(io.BytesIO):
    def isatty(self):
        return True


def configured(*, json, **more):
    stream = io.BytesIO()
    logs.configure(json=json, stream=stream, **more)
    return structlog.get_logger("test"), stream


@pytest.fixture(params=[True, False], ids=["json", "text"])
def either(request):
    return configured(json=request.param)


def only_event(stream):
    (line,) = stream.getvalue().splitlines()
    return orjson.loads(line)


def a_line(**changes):
    given = RequestLine(
        feature="auth",
        side=Side.NEW,
        reason=Reason.SPLIT,
        status=200,
        seconds=0.01234,
        request_id=b"abc123",
        method=b"GET",
        path=b"/api/v1/auth/me",
        upstream="new",
    )
    return given._replace(**changes)


# -- shape


def test_an_event_is_one_json_object_with_what_process_wrote_it():
    log, stream = configured(json=True, slot="w1")
    log.info("serving", port=8000)
    event = only_event(stream)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "serving",
        "port": 8000,
        "level": "info",
        "process": "worker",
        "slot": "w1",
        "logger": "test",
    }


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"slot": "control"}, {"process": "control"}),
        ({"process": "supervisor"}, {"process": "supervisor"}),
        ({"slot": "w0"}, {"process": "worker", "slot": "w0"}),
    ],
)
def test_every_kind_of_process_says_which_it_is(arguments, expected):
    log, stream = configured(json=True, **arguments)
    log.info("here")
    event = only_event(stream)
    assert {key: event[key] for key in ("process", "slot") if key in event} == expected


@pytest.mark.parametrize(
    ("variable", "stream", "is_json"),
    [
        (None, io.BytesIO, True),
        (None, Terminal, False),
        ("json", Terminal, True),
        ("text", io.BytesIO, False),
    ],
)
def test_it_is_json_unless_a_terminal_reads_or_the_variable_says_otherwise(monkeypatch, variable, stream, is_json):
    monkeypatch.delenv("GATEWAY_LOG", raising=False)
    if variable is not None:
        monkeypatch.setenv("GATEWAY_LOG", variable)
    out = stream()
    logs.configure(stream=out)
    structlog.get_logger("test").info("hello")
    assert out.getvalue().startswith(b"{") is is_json


def test_events_below_the_level_are_not_written():
    log, stream = configured(json=True, level="warning")
    log.info("no")
    log.warning("yes")
    assert only_event(stream)["event"] == "yes"


def test_other_libraries_logs_come_out_the_same_way():
    _, stream = configured(json=True)
    logging.getLogger("uvicorn.error").warning("listening on %s", "8000")
    event = only_event(stream)
    assert (event["event"], event["level"], event["logger"]) == ("listening on 8000", "warning", "uvicorn.error")


def test_access_lines_of_uvicorn_and_urls_of_httpx_are_not_written():
    _, stream = configured(json=True)
    logging.getLogger("uvicorn.access").info("GET /?token=1")
    logging.getLogger("httpx").info("HTTP Request: GET http://x/?token=1")
    assert stream.getvalue() == b""


def test_a_record_whose_arguments_do_not_fit_is_written_all_the_same():
    _, stream = configured(json=True)
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if isinstance(handler, logs._Adopt)]  # pytest's raise
    root.warning("%d things", "many")
    assert only_event(stream)["event"] == "%d things"


def test_configuring_again_does_not_write_twice():
    configured(json=True)
    _, stream = configured(json=True)
    logging.getLogger("other").warning("once")
    assert only_event(stream)["event"] == "once"


def test_a_value_that_cannot_be_shown_does_not_cost_the_line(either):
    class Broken:
        def __str__(self):
            raise RuntimeError

    log, stream = either
    log.info("event", broken=Broken(), raw=b"\xff\xfe", lone="\ud800", many={1: {2, 3}}, deep=[[[[[[[[1]]]]]]]])
    assert stream.getvalue().count(b"\n") == 1
    assert b"Broken" in stream.getvalue()


def test_a_log_that_cannot_be_written_does_not_fail_what_it_tells_of():
    class Gone(io.BytesIO):
        def write(self, _):
            raise BrokenPipeError

    logs.configure(json=True, stream=Gone())
    request_line(structlog.get_logger("test"), a_line(), Log())
    closed = io.BytesIO()
    logs.configure(json=True, stream=closed)
    log = structlog.get_logger("test")
    closed.close()
    log.info("event")


def test_a_traceback_is_in_the_event_and_shows_no_variables(either):
    log, stream = either
    password = SECRET
    try:
        int("x" * len(password))
    except ValueError:
        log.exception("it failed")
    assert b"ValueError: invalid literal" in stream.getvalue()
    assert SECRET.encode() not in stream.getvalue()


# -- requests


def test_a_request_s_line_tells_what_was_decided_and_what_became_of_it():
    log, stream = configured(json=True)
    request_line(log, a_line(), Log())
    event = only_event(stream)
    for key in ("timestamp", "process", "logger"):
        del event[key]
    assert event == {
        "event": "request",
        "level": "info",
        "feature": "auth",
        "side": "new",
        "reason": "split",
        "status": 200,
        "duration_ms": 12.34,
        "request_id": "abc123",
        "method": "GET",
        "path": "/api/v1/auth/me",
        "upstream": "new",
        "implementation": "Using NEW auth implementation",
    }


def test_legacy_is_called_old_and_a_fixed_upstream_has_no_implementation():
    log, stream = configured(json=True)
    request_line(log, a_line(side=Side.LEGACY), Log())
    request_line(log, a_line(feature="none", side=Side.FIXED, reason=Reason.ROUTE), Log())
    first, second = map(orjson.loads, stream.getvalue().splitlines())
    assert first["implementation"] == "Using OLD auth implementation"
    assert "implementation" not in second


def test_failures_are_errors_and_say_why():
    log, stream = configured(json=True)
    request_line(log, a_line(status=502, error="the connection was refused"), Log())
    event = only_event(stream)
    assert (event["level"], event["error"]) == ("error", "the connection was refused")


def test_the_query_is_never_logged():
    log, stream = configured(json=True)
    request_line(log, a_line(path=b"/reset?code=hunter2"), Log())
    assert b"hunter2" not in stream.getvalue()


def test_a_very_long_path_is_cut_so_that_a_line_stays_whole_in_a_pipe():
    log, stream = configured(json=True)
    for byte in (b"a", b'"', b"\xff"):
        stream.seek(0)
        stream.truncate()
        request_line(log, a_line(path=b"/" + byte * 60_000), Log())
        assert 1024 < len(stream.getvalue()) < 4096


@pytest.mark.parametrize(
    ("requests", "status", "logged"),
    [
        ("all", 200, True),
        ("errors", 200, False),
        ("errors", 404, False),
        ("errors", 499, True),
        ("errors", 500, True),
        ("errors", 504, True),
    ],
)
def test_which_requests_get_a_line(requests, status, logged):
    assert is_logged(status, b"id", Log(requests=requests)) is logged


def test_a_sample_is_of_the_size_that_was_asked_for_and_the_same_everywhere():
    policy = Log(requests="sampled", sample="10")
    ids = [b"%d" % number for number in range(20_000)]
    chosen = [one for one in ids if is_logged(200, one, policy)]
    assert 1_800 < len(chosen) < 2_200
    assert chosen == [one for one in ids if is_logged(200, one, policy)]
    wider = Log(requests="sampled", sample="20")
    assert all(is_logged(200, one, wider) for one in chosen)
    assert not any(is_logged(200, one, Log(requests="sampled", sample=0)) for one in ids)


# -- features


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (10_000, "Using NEW auth implementation"),
        (0, "Using OLD auth implementation"),
        (1250, "Using NEW auth implementation for 12.5 % of keys, OLD for the others"),
    ],
)
def test_a_change_of_a_feature_says_which_implementation_is_used(points, words):
    _, stream = configured(json=True)
    feature_changed("auth", BasisPoints(2500), BasisPoints(points), source="redis")
    event = only_event(stream)
    assert event["event"] == words
    assert (event["feature"], event["percent_before"], event["source"]) == ("auth", "25", "redis")


# -- secrets


@pytest.mark.parametrize(
    "name",
    [
        *("authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "password", "token", "access_token"),
        *("refreshToken", "secret", "client_secret", "api_key", "X-Api-Key", "credentials"),
    ],
)
@pytest.mark.parametrize("wrap", ["flat", "dict", "headers", "bytes headers", "deep"])
def test_what_goes_by_a_secret_name_is_hidden(either, name, wrap):
    log, stream = either
    values = {
        "flat": {name: SECRET},
        "dict": {"request": {name: SECRET, "other": 1}},
        "headers": {"headers": [(name, SECRET), ("accept", "yes")]},
        "bytes headers": {"headers": ((name.encode(), SECRET.encode()), (b"accept", b"yes"))},
        "deep": {"a": [{"b": ({name: [SECRET]},)}]},
    }
    log.info("event", **values[wrap])
    assert SECRET.encode() not in stream.getvalue()
    assert b"***" in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        f"redis://:{SECRET}@host:6379/0",
        f"rediss://user:{SECRET}@host",
        f"redis://:pa/ss@{SECRET}@host",
        f"postgresql+asyncpg://u:{SECRET}@h/db and more",
        f"http://user:{SECRET}@host/path",
        f"connection to 'redis://:{SECRET}@h' failed",
        f"Authorization: Bearer {SECRET}",
        f"Authorization: Basic {SECRET}",
        f"Cookie: a=1; session={SECRET}",
        f"set-cookie: sid={SECRET}; Path=/",
        f"bearer {SECRET}",
        f"redis://host?password={SECRET}&db=1",
        f"Settings(redis_password='{SECRET}', port=1)",
        f"{{'password': '{SECRET}'}}",
        f'{{"access_token": "{SECRET}"}}',
        f"[(b'cookie', b'a={SECRET}')]",
        f"token = x, token={SECRET}",
        f"got {JWT} in a header {SECRET}".replace(SECRET, ""),
    ],
)
@pytest.mark.parametrize("place", ["value", "message", "exception", "stdlib", "nested"])
def test_secrets_are_found_by_their_shape_wherever_they_stand(either, text, place):
    log, stream = either
    if place == "value":
        log.info("event", url=text)
    elif place == "message":
        log.info(text)
    elif place == "nested":
        log.info("event", urls=[{"of": (text,)}])
    elif place == "stdlib":
        logging.getLogger("redis").warning("cannot use %s", text)
    else:
        log.error("event", exc_info=ConnectionError(text))
    out = stream.getvalue()
    assert SECRET.encode() not in out
    assert JWT.encode() not in out
    assert b"***" in out


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:9001/api/v1/auth?user=a@b.c",
        "features.auth.key: 'cookie:gateway_id' is no key; did you mean cookie:gateway-id",
        "redis://127.0.0.1:6379/0",
        "basic authentication is not a thing here",
        "the token expired",
    ],
)
def test_what_is_no_secret_stays_readable(text):
    log, stream = configured(json=True)
    log.info("event", text=text)
    assert only_event(stream)["text"] == text


# -- forged lines

HOSTILE = 'x\n{"event":"forged","level":"info"}\r\n\x1b[2J\x9b31m\x85\u2028\u2029\u202e\x00\x7f'


@pytest.mark.parametrize("place", ["value", "message", "key", "exception", "stdlib", "path", "request id"])
def test_a_client_cannot_forge_a_line_or_move_a_terminal_s_cursor(either, place):
    log, stream = either
    if place == "value":
        log.info("event", value=HOSTILE, nested=[{HOSTILE: (HOSTILE,)}])
    elif place == "message":
        log.info(HOSTILE)
    elif place == "key":
        log.info("event", **{HOSTILE: 1})
    elif place == "stdlib":
        logging.getLogger("uvicorn.error").warning("bad request: %s", HOSTILE)
    elif place == "path":
        request_line(log, a_line(path=HOSTILE.encode()), Log())
    elif place == "request id":
        request_line(log, a_line(request_id=HOSTILE.encode(), method=HOSTILE.encode()), Log())
    else:
        log.error("event", exc_info=ValueError(HOSTILE))
    assert_harmless(stream.getvalue())


def assert_harmless(out):
    first, *others = out.decode().removesuffix("\n").split("\n")
    assert all(line.startswith("    | ") for line in others)  # a traceback at a terminal
    for line in (first, *others):
        assert not any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F for char in line)
        assert not set(line) & set("\u2028\u2029\u202e")
    if first.startswith("{"):
        assert others == []
        orjson.loads(first)


@given(text=st.text(st.characters(), max_size=40), is_json=st.booleans())
def test_no_text_at_all_breaks_a_line(text, is_json):
    log, stream = configured(json=is_json)
    log.info("event", value=text, listed=[text], raw=text.encode("utf-8", "surrogatepass"))
    assert stream.getvalue().count(b"\n") == 1
    assert_harmless(stream.getvalue())
