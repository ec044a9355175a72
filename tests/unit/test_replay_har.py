"""HAR files as browsers write them, with what is odd about each."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.replay.har import NoHarError, har_entries, har_requests
from gateway.replay.record import Recorded, Unreadable


def read(*requests):
    data = json.dumps({"log": {"version": "1.2", "entries": [{"request": each} for each in requests]}}).encode()
    return [*har_requests(har_entries(data))]


def asked(url="https://shop.example/a?b=1#c", method="GET", headers=(), **more):
    pairs = [{"name": name, "value": value} for name, value in headers]
    return {"method": method, "url": url, "httpVersion": "h2", "headers": pairs, "queryString": [], **more}


def test_an_entry_is_a_request_with_its_host_and_without_its_fragment():
    (found,) = read(asked())
    assert found == Recorded(1, b"GET", b"/a?b=1", b"shop.example")


def test_pseudo_headers_and_what_belongs_to_one_connection_are_dropped():
    names = [
        (":authority", "x"),
        ("Host", "x"),
        ("Connection", "keep-alive, X-Hop"),
        ("x-hop", "1"),
        ("TE", "trailers"),
    ]
    (found,) = read(asked(headers=[*names, ("X-Gateway-Side", "new"), ("Accept", " text/html ")]))
    assert found.fields == ((b"accept", b"text/html"),)


def test_what_a_browser_asks_about_its_own_copy_is_dropped_of_reads_alone():
    conditional = [("If-None-Match", '"1"'), ("If-Modified-Since", "x"), ("If-Match", '"1"')]
    get, put = read(asked(headers=conditional), asked(method="PUT", headers=conditional))
    assert get.fields == ((b"if-match", b'"1"'),)
    assert len(put.fields) == 3


def test_cookies_that_stand_in_their_own_list_alone_are_sent():
    (found,) = read(asked(cookies=[{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]))
    assert found.fields == ((b"cookie", b"a=1; b=2"),)
    (found,) = read(asked(headers=[("Cookie", "c=3")], cookies=[{"name": "a", "value": "1"}]))
    assert found.fields == ((b"cookie", b"c=3"),)


@pytest.mark.parametrize(
    ("posted", "body", "content_type"),
    [
        ({"mimeType": "application/json", "text": '{"é": 1}'}, '{"é": 1}'.encode(), b"application/json"),
        (
            {
                "mimeType": "application/octet-stream",
                "text": base64.b64encode(b"\0\xff").decode(),
                "encoding": "base64",
            },
            b"\0\xff",
            b"application/octet-stream",
        ),
        (
            {
                "mimeType": "application/x-www-form-urlencoded",
                "params": [{"name": "a b", "value": "ü"}, {"name": "c", "value": ""}],
            },
            b"a+b=%C3%BC&c=",
            b"application/x-www-form-urlencoded",
        ),
    ],
)
def test_a_body_is_sent_with_its_type(posted, body, content_type):
    (found,) = read(asked(method="POST", postData=posted))
    assert (found.body, found.fields) == (body, ((b"content-type", content_type),))


def test_the_type_that_stands_among_the_headers_is_the_one():
    (found,) = read(asked(method="POST", headers=[("Content-Type", "a/b")], postData={"mimeType": "c/d", "text": "x"}))
    assert found.fields == ((b"content-type", b"a/b"),)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (asked(method="POST", bodySize=12), "its body was not recorded"),
        (
            asked(method="POST", postData={"mimeType": "multipart/form-data", "params": [{"name": "a", "value": "b"}]}),
            "its body was recorded as parameters alone, and it is no form that could be written again",
        ),
        (
            asked(method="POST", postData={"text": "???", "encoding": "base64"}),
            "its body is said to be base64, and is not",
        ),
        (asked(headers=[("a b", "c")]), "one of its headers has no valid name"),
        (asked(headers=[("a", "b\r\nc: d")]), "one of its headers holds a line end or a control character"),
        (asked(url="http://[::1/"), "its address is none: Invalid IPv6 URL"),
        ({"method": "GET"}, "has no url"),
    ],
)
def test_what_cannot_be_sent_as_it_was_is_unreadable(request_, why):
    (found,) = read(request_)
    assert isinstance(found, Unreadable)
    assert found.why == why


@pytest.mark.parametrize("url", ["data:text/plain,x", "blob:https://a/b", "wss://a/b", "chrome-extension://a/b"])
def test_what_is_no_http_is_not_missing(url):
    assert read(asked(url=url)) == [None]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"no", "is no JSON"), (b"[]", "has no log.entries"), (b'{"log": {"entries": {}}}', "has no log.entries")],
)
def test_another_file_is_refused_in_words(data, words):
    with pytest.raises(NoHarError, match=words):
        har_entries(data)


def test_a_byte_order_mark_is_no_harm():
    assert har_entries(b"\xef\xbb\xbf" + b'{"log": {"entries": []}}') == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
REQUEST = st.fixed_dictionaries(
    {"method": st.sampled_from(["GET", "POST", 1]), "url": st.sampled_from(["http://a/b", "/x", None])},
    optional=dict.fromkeys(("headers", "cookies", "postData", "bodySize"), JSON),
)


@given(entries=st.lists(JSON | st.fixed_dictionaries({"request": JSON | REQUEST}), max_size=4))
def test_no_entries_make_it_fail(entries):
    assert len([*har_requests(entries)]) == len(entries)
