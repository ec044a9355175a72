"""Lines of logs as requests: what is read, what is not, and that nothing in a log can make the reader fail."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.replay.log_lines import access_line, gateway_line, is_access_line
from gateway.replay.record import Recorded, Unreadable

BEFORE = "203.0.113.7 - ann [23/Nov/2026:05:25:04 +0000] "


def line(request, rest=" 200 512"):
    return f'{BEFORE}"{request}"{rest}'.encode()


def test_a_line_of_the_common_format_is_a_request_without_headers():
    assert access_line(7, line("GET /api/v1/users/3?page=2 HTTP/1.1")) == Recorded(7, b"GET", b"/api/v1/users/3?page=2")


def test_the_combined_format_tells_referer_and_agent_as_well():
    found = access_line(1, line("HEAD / HTTP/2.0", ' 304 - "https://example.com/a?b" "Agent (X; \\"Y\\")"'))
    assert found.fields == ((b"referer", b"https://example.com/a?b"), (b"user-agent", b'Agent (X; "Y")'))


def test_a_dash_is_no_header():
    assert access_line(1, line("GET / HTTP/1.1", ' 200 0 "-" "-"')).fields == ()


@pytest.mark.parametrize(
    "text",
    [
        b'www.example.com:443 203.0.113.7 - - [23/Nov/2026:05:25:04 +0000] "GET /x HTTP/1.1" 200 5 "-" "-"',
        line("GET /x HTTP/1.1", ' 200 5 "-" "-" 0.003 upstream=a "more"'),
        b'2001:db8::1 - - [23/Nov/2026:05:25:04 +0000] "GET /x HTTP/1.0" 200 -',
    ],
)
def test_what_servers_put_before_and_behind_is_passed_over(text):
    assert access_line(1, text).target == b"/x"


@pytest.mark.parametrize(
    ("written", "target"),
    [
        (r"GET /a\x22b\x5Cc HTTP/1.1", None),  # a quote and a backslash stand in no valid path
        (r"GET /\xC3\xA9 HTTP/1.1", b"/%C3%A9"),
        (r"GET /a?q=\"x\" HTTP/1.1", b'/a?q="x"'),
        ("GET /%C3%A9%20b HTTP/1.1", b"/%C3%A9%20b"),
        ("GET http://shop.example/a?b HTTP/1.1", b"/a?b"),
        ("OPTIONS * HTTP/1.1", b"*"),
    ],
)
def test_escapes_of_the_log_are_undone_and_targets_are_as_they_go_on_the_wire(written, target):
    found = access_line(1, line(written))
    assert (found.target if isinstance(found, Recorded) else None) == target


def test_the_host_of_a_whole_address_is_kept():
    assert access_line(1, line("GET http://shop.example/a HTTP/1.1")).host == b"shop.example"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (line("-", " 408 0"), "holds no request"),
        (line(r"\x16\x03\x01\x02", " 400 0"), "holds no request"),
        (line("GET /a b HTTP/1.1"), "holds no request"),
        (line("GET /a"), "holds no request"),
        (line("CONNECT a:443 HTTP/1.1"), "this method is not served"),
        (line("get / HTTP/1.1"), "there is no such method"),
        (line("GET nothing HTTP/1.1"), "the target is neither a path nor an http address"),
        (b"hello", "is no line of the common or the combined format"),
    ],
)
def test_what_is_no_request_is_unreadable_and_says_why(text, why):
    found = access_line(4, text)
    assert isinstance(found, Unreadable)
    assert (found.place, found.why) == (4, why)


def own(**fields):
    said = {"event": "request", "method": "GET", "path": "/a", "status": 200, "feature": "auth", **fields}
    return json.dumps(said).encode()


def test_a_line_of_the_gateway_is_a_request_without_its_query():
    assert gateway_line(2, own(method="POST", path="/api/é")) == Recorded(2, b"POST", b"/api/%C3%A9")


def test_what_a_container_log_puts_before_it_is_passed_over():
    assert gateway_line(1, b"gateway-1  | " + own()).target == b"/a"


def test_lines_of_other_events_are_not_missing():
    assert gateway_line(1, own(event="ready")) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (own(path="/reset/token=***"), "the log has hidden a part of its path"),
        (own(path="/" + "a" * 1023), "the log has cut its path at 1024 characters"),
        (own(path=None), "names no method or no path"),
        (own(path="/a\\x00"), "the target holds a fragment, or a character that must be escaped"),
        (b"{", "is no JSON object"),
        (b"[1]", "is no JSON object"),
    ],
)
def test_a_line_that_does_not_hold_the_whole_request_is_unreadable(text, why):
    assert gateway_line(1, text).why == why


@pytest.mark.parametrize("read", [access_line, gateway_line])
@given(text=st.binary(max_size=300))
def test_no_bytes_make_it_fail(read, text):
    assert isinstance(read(1, text), (Recorded, Unreadable, type(None)))


@given(request=st.binary(max_size=80), agent=st.binary(max_size=40), behind=st.binary(max_size=20))
def test_nothing_within_a_line_makes_it_fail_and_what_is_read_can_be_sent(request, agent, behind):
    text = BEFORE.encode() + b'"' + request + b'" 200 5 "-" "' + agent + b'"' + behind
    found = access_line(1, text)
    if isinstance(found, Recorded):
        assert b" " not in found.target
        assert all(0x21 <= byte <= 0x7E for byte in found.target)
        assert not any(set(value) & set(b"\r\n\0") for _, value in found.fields)


@given(path=st.text(min_size=1, max_size=60), method=st.text(max_size=10))
def test_nothing_in_a_line_of_ours_makes_it_fail(path, method):
    found = gateway_line(1, json.dumps({"event": "request", "method": method, "path": path}).encode())
    assert isinstance(found, (Recorded, Unreadable))


@given(
    path=st.text("abc/-_.~%20", max_size=30).map(lambda text: f"/{text}"),
    method=st.sampled_from(["GET", "HEAD", "POST", "PURGE"]),
)
def test_a_plain_request_comes_back_as_it_was(path, method):
    found = access_line(1, line(f"{method} {path} HTTP/1.1"))
    assert is_access_line(line(f"{method} {path} HTTP/1.1"))
    assert (found.method.decode(), found.target.decode()) == (method, path)
